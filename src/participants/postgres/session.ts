/**
 * The pooled connection that a branch runs on, from the pool and back to it.
 *
 * Keeps: a connection goes back only when its transaction is proved to have ended and nothing of
 * the branch stays on it; every other is closed. An error of the connection is recorded, and never
 * reaches the process as an unhandled `error` event.
 */
import type { ParticipantPorts } from '../contract.ts'
import { takeInTime } from '../sql/pooled.ts'
import { Command } from './command.ts'
import {
  type PgPool,
  type PgPoolClient,
  type PgPoolInternals,
  type PgResult,
  resultsOf,
} from './driver.ts'
import type { OwnStatement } from './own-query.ts'
import { queryClassOf, sendPipeline } from './pipeline.ts'

export class Session {
  readonly client: PgPoolClient
  /** Set once the connection is gone, or was given up. */
  lost: { readonly cause: unknown } | undefined
  #released = false
  readonly #onError = (error: unknown): void => {
    this.lost ??= { cause: error }
  }

  constructor(client: PgPoolClient) {
    this.client = client
    client.on('error', this.#onError)
  }

  /** Whether it is still ours. */
  get held(): boolean {
    return !this.#released
  }

  /** `I`, `T`, `E`, or undefined where the driver does not tell. */
  get status(): string | undefined {
    return this.client.getTransactionStatus?.() ?? undefined
  }

  /**
   * Whether the branch's transaction is open, and nothing is on its way that could end it. Then a
   * message needs no lock on its door; see `prepareBranch`.
   */
  get isSurelyOpen(): boolean {
    return this.status === 'T' && this.client.readyForQuery === true
  }

  /** Runs a text of our own; rejects with the server's error or the connection's. */
  async send(text: string): Promise<readonly PgResult[]> {
    return resultsOf(await this.client.query(text))
  }

  async ask(text: string, values: readonly unknown[]): Promise<readonly PgResult[]> {
    return resultsOf(await this.client.query(text, values))
  }

  /** Runs a statement of our own that has no rows. */
  command(text: string): Promise<readonly PgResult[]> {
    const { client } = this
    if (queryClassOf(client) === undefined) return this.send(text)
    const command = new Command(text)
    void client.query(command)
    return command.answered
  }

  /**
   * Runs statements of our own in one message; undefined where the driver can't put one together.
   * Rejects with the first failure, behind which nothing was run.
   */
  together(statements: readonly OwnStatement[]): Promise<readonly PgResult[]> | undefined {
    const Query = queryClassOf(this.client)
    if (Query === undefined) return undefined
    return sendPipeline(this.client, Query, statements).then(({ results, failure }) => {
      if (failure !== undefined) throw failure.cause
      return results
    })
  }

  /** Gives the connection back, after a last text of ours where one is given; it must be idle. */
  giveBack(lastText?: string): void {
    if (this.#released) return
    if (this.lost !== undefined || (this.status ?? 'I') !== 'I') {
      this.destroy(this.lost?.cause ?? new Error('the connection was not idle'))
      return
    }
    this.#released = true
    if (lastText === undefined) return this.#release()
    this.send(lastText).then(
      () => this.#release(),
      (error: Error) => this.#release(error),
    )
  }

  /** Closes the connection, and with it whatever still runs or waits on it. */
  destroy(cause: unknown): void {
    this.lost ??= { cause }
    if (this.#released) return
    this.#released = true
    this.#release(cause instanceof Error ? cause : new Error(String(cause)))
  }

  #release(destroy?: Error): void {
    if (destroy === undefined) {
      this.client.release()
      this.client.removeListener('error', this.#onError)
    } else {
      // The listener stays: the dying connection may still report its end.
      this.client.release(destroy)
    }
  }
}

/** Takes a connection, waiting at most `limitMs`. One that arrives later goes back at once. */
export function takeSession(
  pool: PgPool<unknown>,
  ports: Pick<ParticipantPorts, 'resource' | 'timers'>,
  limitMs: number,
): Promise<Session> {
  const { idleCount = 0, waitingCount = 0 } = pool as PgPoolInternals
  const arriving = pool.connect() as Promise<PgPoolClient>
  // A connection that rests in the pool comes at once.
  const isResting = idleCount > waitingCount
  const arrived = isResting
    ? arriving
    : takeInTime(arriving, (late) => late.release(), ports, limitMs)
  return arrived.then(sessionOn)
}

function sessionOn(client: PgPoolClient): Session {
  return new Session(client)
}

/**
 * The pooled connection that a branch runs on, from the pool and back to it.
 *
 * Keeps: a connection goes back only when its transaction is proved to have ended and nothing of
 * the branch stays on it; every other is closed (MY-5). An error of the connection is recorded, and
 * never reaches the process as an unhandled `error` event. Whoever waits for an answer hears of the
 * connection's end, which the driver does not tell of when it is we who close it.
 */
import { invariant } from '../../core/invariant.ts'
import type { ParticipantPorts } from '../contract.ts'
import { takeInTime } from '../sql/pooled.ts'
import { type Asking, ask, type Reply, replyOf } from './asking.ts'
import {
  connectionBehind,
  connectionOf,
  type MysqlConnection,
  type MysqlHeader,
  type MysqlPool,
  statusFlags,
} from './driver.ts'
import { type Outcome, OwnCommand } from './own-command.ts'
import { Pipeline } from './pipeline.ts'
import type { Flavour } from './server.ts'
import type { Sending } from './sql.ts'
import { type PipelineCommand, type Wire, wireOf } from './wire.ts'

/** What stands behind the pool, and whether its branches can prepare. */
export interface SessionOptions {
  readonly flavour: Flavour
  readonly isXa: boolean
}

export class Session implements Asking {
  /** The connection in the face that the pool gave it. */
  readonly client: object
  readonly connection: MysqlConnection
  readonly sending: Sending
  /** Set once the connection is gone, or was given up. */
  lost: { readonly cause: unknown } | undefined
  /** Whether the server's last answer of ours had it in a transaction; undefined: not told. */
  isInTransaction: boolean | undefined
  #released = false
  readonly #awaited = new Set<(cause: unknown) => void>()
  readonly #onError = (error: unknown): void => this.#lose(error)
  readonly #onEnd = (): void => this.#lose(new Error('the server closed the connection'))

  constructor(client: object, options?: SessionOptions) {
    this.client = client
    this.connection = connectionBehind(client)
    this.sending = sendingOn(this.connection, options)
    this.connection.on('error', this.#onError)
    this.connection.on('end', this.#onEnd)
  }

  /** Whether it is still ours. */
  get held(): boolean {
    return !this.#released
  }

  /** Runs a text of our own; rejects with the server's error or the connection's. */
  async send(text: string): Promise<Reply> {
    const reply = await new Promise<Reply>((resolve, reject) => {
      const forget = this.onLost(reject)
      ask(this.connection, text, (error, result) => {
        forget()
        if (error) reject(error)
        else resolve(replyOf(result))
      })
    })
    this.#noteStatus(reply.header)
    return reply
  }

  /** Runs a text of ours that has no rows. */
  async command(text: string): Promise<Reply> {
    return this.sending === 'at-once' ? await this.sendAll([text]) : await this.send(text)
  }

  /**
   * Runs several in order; answers the last reply. Rejects with the first error, behind which nothing
   * was run, but for those that are sent at once: these are such as do no harm then.
   */
  async sendAll(texts: readonly string[]): Promise<Reply> {
    if (this.sending === 'at-once') return lastOf(await this.commands(texts))
    let reply: Reply = replyOf([])
    for (const text of texts) reply = await this.send(text)
    return reply
  }

  /** Writes texts of ours at once, where that is how they are sent. */
  commands(texts: readonly string[]): Promise<readonly Outcome[]> {
    return this.pipe(texts.map((text) => new OwnCommand({ text })))
  }

  /** Writes commands at once; rejects when the connection is lost, or its answers can't be read. */
  async pipe(commands: readonly PipelineCommand[]): Promise<readonly Outcome[]> {
    const wire = this.connection as Wire
    invariant(this.sending === 'at-once', 'A5', 'a driver that writes one command at a time')
    const outcomes = await new Promise<readonly Outcome[]>((resolve, reject) => {
      const forget = this.onLost(reject)
      const pipeline = new Pipeline(commands, (cause) => this.destroy(cause))
      pipeline.answered.finally(forget).then(resolve, reject)
      wire.addCommand(pipeline)
    })
    for (const { header } of outcomes) this.#noteStatus(header)
    return outcomes
  }

  /** Calls `tell` if the connection ends before the answer has come; answers how to forget that. */
  onLost(tell: (cause: unknown) => void): () => void {
    this.#awaited.add(tell)
    return () => void this.#awaited.delete(tell)
  }

  /** Gives the connection back, after last texts of ours where some are given; it must be idle. */
  giveBack(lastTexts: readonly string[]): void {
    if (this.#released) return
    if (this.lost !== undefined || this.isInTransaction !== false) {
      this.destroy(this.lost?.cause ?? new Error('the connection was not idle'))
      return
    }
    this.#released = true
    if (lastTexts.length === 0) return this.#release()
    this.sendAll(lastTexts).then(
      () => this.#release(),
      (error: unknown) => this.#close(error),
    )
  }

  /** Closes the connection, and with it whatever still runs or waits on it. */
  destroy(cause: unknown): void {
    if (this.#released) return
    this.#released = true
    this.#close(cause)
  }

  /** Gives back a connection on which nothing was done. */
  giveBackUnused(): void {
    if (this.#released) return
    if (this.lost !== undefined) return this.destroy(this.lost.cause)
    this.#released = true
    this.#release()
  }

  #noteStatus(header: MysqlHeader | undefined): void {
    if (header === undefined) return
    this.isInTransaction = (header.serverStatus & statusFlags.inTransaction) !== 0
  }

  #release(): void {
    this.connection.removeListener('error', this.#onError)
    this.connection.removeListener('end', this.#onEnd)
    this.connection.release?.()
  }

  /** The listeners stay: the dying connection may still report its end. */
  #close(cause: unknown): void {
    this.connection.destroy()
    // The driver only ends its side, and a server that hangs would keep the socket open.
    this.connection.stream?.destroy?.()
    this.#lose(cause)
  }

  #lose(cause: unknown): void {
    this.lost ??= { cause }
    // Not within the driver's own reading of what came: it takes what is thrown there for its own.
    void Promise.resolve().then(() => {
      for (const tell of this.#awaited) tell(cause)
      this.#awaited.clear()
    })
  }
}

/** The last reply, or the first error. */
export function lastOf(outcomes: readonly Outcome[]): Reply {
  const failed = outcomes.find(({ error }) => error !== undefined)
  if (failed !== undefined) throw failed.error
  return { header: outcomes.at(-1)?.header, rows: [] }
}

/** MySQL's servers were not seen to take several commands at once; see `docs/decisions`. */
function sendingOn(connection: MysqlConnection, options: SessionOptions | undefined): Sending {
  if (options?.flavour !== 'mariadb') return 'one-by-one'
  return options.isXa && wireOf(connection) !== undefined ? 'at-once' : 'compound'
}

/** Takes a connection, waiting at most `limitMs`. One that arrives later goes back at once. */
export async function takeSession(
  pool: MysqlPool<unknown>,
  ports: Pick<ParticipantPorts, 'resource' | 'timers'>,
  limitMs: number,
  options?: SessionOptions,
): Promise<Session> {
  const arriving = connectionOf(pool) as Promise<object>
  const giveBack = (late: object): void => connectionBehind(late).release?.()
  return new Session(await takeInTime(arriving, giveBack, ports, limitMs), options)
}

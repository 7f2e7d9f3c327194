/**
 * The pooled connection that a branch runs on, from the pool and back to it.
 *
 * Keeps: a connection goes back only when its transaction is proved to have ended and nothing of
 * the branch stays on it; every other is closed (MY-5). An error of the connection is recorded, and
 * never reaches the process as an unhandled `error` event. Whoever waits for an answer hears of the
 * connection's end, which the driver does not tell of when it is we who close it.
 */
import type { ParticipantPorts } from '../contract.ts'
import { takeInTime } from '../sql/pooled.ts'
import { type Asking, ask, type Reply, replyOf } from './asking.ts'
import {
  connectionBehind,
  connectionOf,
  type MysqlConnection,
  type MysqlPool,
  statusFlags,
} from './driver.ts'

export class Session implements Asking {
  /** The connection in the face that the pool gave it. */
  readonly client: object
  readonly connection: MysqlConnection
  /** Set once the connection is gone, or was given up. */
  lost: { readonly cause: unknown } | undefined
  /** Whether the server's last answer of ours had it in a transaction; undefined: not told. */
  isInTransaction: boolean | undefined
  #released = false
  readonly #awaited = new Set<(cause: unknown) => void>()
  readonly #onError = (error: unknown): void => this.#lose(error)
  readonly #onEnd = (): void => this.#lose(new Error('the server closed the connection'))

  constructor(client: object) {
    this.client = client
    this.connection = connectionBehind(client)
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
    const header = reply.header
    if (header !== undefined) {
      this.isInTransaction = (header.serverStatus & statusFlags.inTransaction) !== 0
    }
    return reply
  }

  /** Runs several in order, up to the first that fails; answers the last reply. */
  async sendAll(texts: readonly string[]): Promise<Reply> {
    let reply: Reply = replyOf([])
    for (const text of texts) reply = await this.send(text)
    return reply
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

/** Takes a connection, waiting at most `limitMs`. One that arrives later goes back at once. */
export async function takeSession(
  pool: MysqlPool<unknown>,
  ports: Pick<ParticipantPorts, 'resource' | 'timers'>,
  limitMs: number,
): Promise<Session> {
  const arriving = connectionOf(pool) as Promise<object>
  const giveBack = (late: object): void => connectionBehind(late).release?.()
  return new Session(await takeInTime(arriving, giveBack, ports, limitMs))
}

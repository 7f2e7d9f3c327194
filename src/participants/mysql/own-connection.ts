/**
 * Connections of Assent's own, beside the user's pool: how one is opened, used and closed.
 *
 * With a full pool whose holders wait for rows that a prepared branch keeps locked, a decision
 * delivered through the pool would wait for the very time-outs that it could end. One that finished a
 * branch never goes back to a pool: MariaDB was seen to refuse work on it from then on (1031).
 */
import { refuseOption } from '../sql/options.ts'
import type { ReservedConnection } from '../sql/reserve.ts'
import { type Asking, ask, type Reply, replyOf } from './asking.ts'
import {
  connectionBehind,
  connectionOf,
  type MysqlConnection,
  type MysqlPool,
  type MysqlPoolInternals,
} from './driver.ts'
import { endsConnection } from './failures.ts'
import type { Settings } from './options.ts'
import { readVariables, readVersion } from './server.ts'
import { identity, setUpOwn } from './sql.ts'

export type Opener = () => Promise<MysqlConnection>

/** How our own connections are made, from the options or in the way of the pool. */
export function openerFor(pool: MysqlPool<unknown>, settings: Settings): Opener {
  const { recovery } = settings
  if (typeof recovery === 'function') return async () => connectionBehind(await recovery())
  const source = recovery ?? sibling(pool, settings)
  return async () => connectionBehind(await connectionOf(source))
}

/** A pool like the given one, of its class and with its configuration, for us alone. */
function sibling(pool: MysqlPool<unknown>, settings: Settings): MysqlPool<unknown> {
  const { pool: inner } = pool as { readonly pool?: MysqlPool<unknown> }
  const core = (inner ?? pool) as MysqlPool<unknown> & MysqlPoolInternals
  const connectionConfig = core.config?.connectionConfig
  if (connectionConfig === undefined) {
    return refuseOption(
      'recovery',
      'mysql: this pool does not tell how it opens connections; pass `recovery`, a pool or a ' +
        'function that opens one',
    )
  }
  const Pool = core.constructor as new (options: { config: object }) => MysqlPool<unknown>
  const limit = settings.recoveryConnections
  return new Pool({
    config: copyOf(core.config ?? {}, {
      connectionConfig: copyOf(connectionConfig, {
        connectTimeout: settings.answerTimeoutMs,
        queryFormat: undefined,
      }),
      waitForConnections: true,
      queueLimit: 0,
      connectionLimit: limit,
      // The reserve closes what rests too long; with this the pool sets no timer for it.
      maxIdle: limit,
    }),
  })
}

/** The same, hidden members included, but for some. */
function copyOf(original: object, changes: Readonly<Record<string, unknown>>): object {
  const copy: object = Object.create(
    Object.getPrototypeOf(original) as object | null,
    Object.getOwnPropertyDescriptors(original),
  )
  for (const [name, value] of Object.entries(changes)) {
    Object.defineProperty(copy, name, { value, writable: true, enumerable: true })
  }
  return copy
}

/** One open connection. */
export class OwnConnection implements Asking, ReservedConnection {
  readonly #connection: MysqlConnection
  readonly #awaited = new Set<(cause: unknown) => void>()
  #isClosed = false

  /** Sets it up for its whole life; rejects, closed, when that fails. */
  static async open(opener: Opener, limitMs: number): Promise<OwnConnection> {
    const own = new OwnConnection(await opener())
    try {
      const variables = readVariables((await own.send(identity)).rows)
      const { flavour } = readVersion(
        variables.get('version') ?? '',
        variables.get('version_comment') ?? '',
      )
      await own.send(setUpOwn(flavour, limitMs))
      return own
    } catch (error) {
      own.close()
      throw error
    }
  }

  constructor(connection: MysqlConnection) {
    this.#connection = connection
    // A connection that dies while it rests must not be handed out again.
    connection.on('error', () => this.close())
    connection.on('end', () => this.close())
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  async send(text: string): Promise<Reply> {
    try {
      return await new Promise<Reply>((resolve, reject) => {
        if (this.#isClosed) throw new Error('the connection is closed')
        this.#awaited.add(reject)
        ask(this.#connection, text, (error, result) => {
          this.#awaited.delete(reject)
          if (error) reject(error)
          else resolve(replyOf(result))
        })
      })
    } catch (error) {
      if (endsConnection(error)) this.close()
      throw error
    }
  }

  command(text: string): Promise<Reply> {
    return this.send(text)
  }

  rest(isResting: boolean): void {
    const { stream } = this.#connection
    if (isResting) stream?.unref?.()
    else stream?.ref?.()
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#connection.destroy()
    this.#connection.stream?.destroy?.()
    // The driver does not tell those who wait when it is we who close it.
    for (const reject of this.#awaited) reject(new Error('the connection was closed'))
    this.#awaited.clear()
  }
}

/**
 * What we need of mysql2, as structural types: the driver is never imported.
 *
 * The driver has two faces. Its connections proper talk by callbacks and events; those of
 * `mysql2/promise` wrap one of them, which they show as `connection`. What is sent goes through the
 * inner one in any case, so that is the one that is guarded.
 */

/** The answer to a statement without rows: the server's OK packet. */
export interface MysqlHeader {
  readonly affectedRows: number
  /** Bits; see `statusFlags`. */
  readonly serverStatus: number
  readonly warningStatus?: number
  /** What the server says to have changed in its session. */
  readonly stateChanges?: {
    readonly systemVariables?: Readonly<Record<string, string>>
    readonly schema?: string | null
    /** Not null where the server told of a change that is none of a system variable. */
    readonly trackStateChange?: string | null
  } | null
}

/** Bits of `serverStatus`. */
export const statusFlags = { inTransaction: 1, readOnlyTransaction: 8_192 } as const

/** The driver's flag for several statements in one text, among the flags of its configuration. */
const multiStatementsFlag = 65_536

/** Its flag for being told what changed of the session; on unless the pool's `flags` turn it off. */
const sessionTrackFlag = 8_388_608

export type MysqlRow = Readonly<Record<string, unknown>>

export type MysqlCallback = (error: unknown, result?: unknown, fields?: unknown) => void

/** A command on its way: an emitter, and the source of a stream. */
export interface MysqlCommand {
  on(event: string, listener: (...args: never[]) => void): unknown
  emit?(event: string, ...args: unknown[]): unknown
}

/** A statement that was prepared by `connection.prepare`. */
export interface MysqlPreparedStatement {
  execute(values: unknown, callback?: MysqlCallback): MysqlCommand
}

/** A connection proper. */
export interface MysqlConnection {
  query(query: unknown, values?: unknown, callback?: MysqlCallback): MysqlCommand
  execute(query: unknown, values?: unknown, callback?: MysqlCallback): MysqlCommand
  prepare(
    query: unknown,
    callback: (error: unknown, statement?: MysqlPreparedStatement) => void,
  ): MysqlCommand
  format(text: string, values?: unknown): string
  on(event: string, listener: (...args: never[]) => void): unknown
  removeListener(event: string, listener: (...args: never[]) => void): unknown
  /** Of a pooled connection: gives it back. */
  release?(): void
  /** Closes it; a pool forgets it. What still waits for an answer is not told. */
  destroy(): void
  readonly config?: { readonly clientFlags?: number; readonly compress?: unknown }
  readonly stream?: { destroy?(cause?: Error): unknown; ref?(): unknown; unref?(): unknown }
}

/** The pool's client, as the type of `mysql(pool)` wants it at least. */
export interface MysqlClientShape {
  query: (...args: never[]) => unknown
  release(): void
}

/** A connection of its own, as the option `recovery` wants it at least. */
export interface MysqlOwnClientShape {
  query: (...args: never[]) => unknown
  destroy(): void
}

/** A pool of `mysql2/promise`. */
export interface MysqlPromisePool<Client> {
  getConnection(): Promise<Client>
}

/** A pool of `mysql2`. */
export interface MysqlCallbackPool<Client> {
  // biome-ignore lint/suspicious/noExplicitAny: the driver's own signature, or its client is not inferred.
  getConnection(callback: (error: any, connection: Client) => any): void
}

export type MysqlPool<Client> = MysqlPromisePool<Client> | MysqlCallbackPool<Client>

/** The members of a mysql2 pool that its types do not tell of. */
export interface MysqlPoolInternals {
  readonly config?: { readonly connectionConfig?: object }
  on?(event: 'error', listener: (error: unknown) => void): unknown
}

/** Asks the pool for a connection; queued before this returns, whichever face the pool has. */
export function connectionOf(pool: MysqlPool<unknown>): Promise<unknown> {
  const { getConnection } = pool as {
    getConnection(callback: (error: unknown, connection: unknown) => void): unknown
  }
  return new Promise((resolve, reject) => {
    const answered = getConnection.call(pool, (error: unknown, connection: unknown) => {
      if (error) reject(error)
      else resolve(connection)
    })
    // The face of promises takes no callback.
    if (answered instanceof Promise) answered.then(resolve, reject)
  })
}

/** The connection proper behind either face. */
export function connectionBehind(client: unknown): MysqlConnection {
  const { connection } = client as { readonly connection?: MysqlConnection }
  return typeof connection?.query === 'function' ? connection : (client as MysqlConnection)
}

/** Whether the connection takes several statements in one text. */
export function takesSeveral({ config }: MysqlConnection): boolean {
  return ((config?.clientFlags ?? 0) & multiStatementsFlag) !== 0
}

/** Whether the server is to tell on the connection what changed of the session. */
export function isToldOfChanges({ config }: MysqlConnection): boolean {
  return ((config?.clientFlags ?? 0) & sessionTrackFlag) !== 0
}

/** The OK packets of a result: of the statement itself, or of the last of a procedure's. */
export function headerOf(result: unknown): MysqlHeader | undefined {
  const found: unknown = Array.isArray(result) ? result.at(-1) : result
  if (typeof found !== 'object' || found === null || Array.isArray(found)) return undefined
  const { affectedRows, serverStatus } = found as Partial<MysqlHeader>
  const isHeader = typeof affectedRows === 'number' && typeof serverStatus === 'number'
  // A row of the user's may have such columns.
  if (!isHeader || (Array.isArray(result) && found.constructor.name !== 'ResultSetHeader')) {
    return undefined
  }
  return found as MysqlHeader
}

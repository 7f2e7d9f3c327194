/**
 * What we need of node-postgres, as structural types: the driver is never imported.
 *
 * Anything that has these members will do: `pg`, `pg-native`, a pool that wraps either.
 */

/** One result, as far as we read it. */
export interface PgResult {
  /** The first word of the server's command tag; null where it sent none. */
  command: string | null
  rowCount: number | null
  rows: Readonly<Record<string, unknown>>[]
}

/** A simple query of several statements is answered by a list. */
export type PgReply = PgResult | readonly PgResult[]

export type PgCallback = (error: unknown, reply?: PgReply) => void

/** A connection, pooled or our own. */
export interface PgConnection {
  query(query: string | PgQuery, values?: readonly unknown[]): Promise<PgReply>
  query(query: string | PgQuery, values: readonly unknown[] | undefined, callback: PgCallback): void
  query(submittable: PgSubmittable, callback?: unknown): unknown
  on(event: string, listener: (...args: never[]) => void): unknown
  removeListener(event: string, listener: (...args: never[]) => void): unknown
  /** Of newer drivers: `I` idle, `T` in a transaction, `E` in a failed one. */
  getTransactionStatus?(): string | null
  /** Of node-postgres: whether nothing was sent that is not answered. */
  readonly readyForQuery?: boolean
  /** Of newer drivers: whether it writes queries before the ones ahead of them are answered. */
  readonly pipeline?: boolean
  /** The protocol's own layer, which remembers the texts of named statements. */
  readonly connection?: { readonly parsedStatements?: Readonly<Record<string, string>> }
}

export interface PgQuery {
  readonly text: string
  readonly values?: readonly unknown[]
  /** What the session keeps it under. */
  readonly name?: string
  /** `extended` makes the server refuse several statements in one text. */
  readonly queryMode?: 'extended'
}

/** A cursor, a COPY stream or a query object: it talks to the server by itself. */
export interface PgSubmittable {
  submit(connection: unknown): unknown
  text?: unknown
  queryMode?: unknown
  readonly cursor?: { readonly text?: unknown }
  handleCommandComplete?(message: { readonly text?: unknown }, connection: unknown): unknown
  handleReadyForQuery?(connection: unknown): unknown
  handleError?(error: unknown, connection: unknown): unknown
}

/** A connection that was taken from a pool. */
export interface PgPoolClient extends PgConnection {
  /** With an argument, the pool closes it instead of keeping it. */
  release(destroy?: Error | boolean): void
}

/** A connection of our own. */
export interface PgOwnClient extends PgConnection {
  connect?(): Promise<unknown>
  end(): Promise<unknown>
  ref?(): void
  unref?(): void
}

/** The pool's client, as the type of `postgres(pool)` wants it at least. */
export interface PgClientShape {
  query: (...args: never[]) => unknown
  release(destroy?: Error | boolean): void
}

/** A connection of its own, as the option `recovery` wants it at least. */
export interface PgOwnClientShape {
  query: (...args: never[]) => unknown
  end(): Promise<unknown>
}

/**
 * A pool. Its `connect` is written with two signatures because node-postgres overloads it, and only
 * so does the compiler find the client's type.
 */
export interface PgPool<Client> {
  connect: { (): Promise<Client>; (...args: never[]): unknown }
}

/** The members of a node-postgres pool that its types do not tell of, or not in full. */
export interface PgPoolInternals {
  readonly Client?: new (config: object) => PgOwnClient
  readonly options?: object
  /** Connections that nobody uses, and calls that wait for one. */
  readonly idleCount?: number
  readonly waitingCount?: number
  on?(event: 'error' | 'connect', listener: (subject: never) => void): unknown
  removeListener?(event: 'error' | 'connect', listener: (subject: never) => void): unknown
}

/** A reply as a list, whichever form the driver chose. */
export function resultsOf(reply: PgReply): readonly PgResult[] {
  return Array.isArray(reply) ? (reply as readonly PgResult[]) : [reply as PgResult]
}

/** A field of the last row of the last result that has one, as text; our queries cast to text. */
export function fieldOf(results: readonly PgResult[], name: string): string | undefined {
  for (const result of [...results].reverse()) {
    const value = result.rows.at(-1)?.[name]
    if (value !== undefined && value !== null) return String(value)
  }
  return undefined
}

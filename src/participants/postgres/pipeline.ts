/**
 * Several statements in one message: one Parse, Bind and Execute each, and a single Sync.
 *
 * Keeps A1: under one Sync the server skips whatever follows a statement that failed. So a BEGIN may
 * share its message with the work: where it fails, the work is not run, and can't be committed by
 * itself. In one text, or in messages with a Sync each, it would be (PG-12).
 */
import {
  type PgQuery,
  type PgReply,
  type PgResult,
  type PgSubmittable,
  resultsOf,
} from './driver.ts'

/** A query object of the driver's own, which reads the rows of one statement. */
export interface DriverQuery extends PgSubmittable {
  readonly name?: string
  handleRowDescription(message: unknown): void
  handleDataRow(message: unknown): void
  handleEmptyQuery(connection: unknown): void
}

/** The driver's class of such objects; `Client.Query` of node-postgres. */
export type DriverQueryClass = new (
  query: string | PgQuery,
  values: readonly unknown[] | undefined,
  callback: (error: unknown, reply?: PgReply) => void,
) => DriverQuery

/** As the driver's `query` takes it; a text costs it less than an object, which it copies. */
export interface PipelineStatement {
  readonly query: string | PgQuery
  readonly values?: readonly unknown[] | undefined
}

/** What was answered before the first failure, if there was one. */
export interface PipelineAnswer {
  /** One for each statement that succeeded, in order. */
  readonly results: readonly PgResult[]
  readonly failure: { readonly cause: unknown } | undefined
}

/** The protocol's own layer, as far as a message is put together with it. */
interface Wire {
  sync(): void
  sendCopyFail(message: string): void
  readonly stream: { cork?(): void; uncork?(): void }
}

/**
 * Sent by `client.query(pipeline)`; `answered` resolves when the server has answered the Sync, or
 * when the connection is lost.
 */
export class Pipeline implements PgSubmittable {
  readonly answered: Promise<PipelineAnswer>
  /** The driver puts its own time-out here, and takes it away when it is called. */
  callback: ((error: unknown, reply?: unknown) => void) | undefined
  /** The driver's time-out for this message, in milliseconds, where the user's query has one. */
  readonly query_timeout: number | undefined
  readonly #queries: readonly DriverQuery[]
  readonly #results: PgResult[] = []
  /** The statement whose answer is being read. */
  #at = 0
  #failure: { readonly cause: unknown } | undefined
  #resolve: (answer: PipelineAnswer) => void = () => undefined

  constructor(Query: DriverQueryClass, statements: readonly PipelineStatement[]) {
    this.query_timeout = statements.map(({ query }) => timeoutOf(query)).find(Boolean)
    this.answered = new Promise((resolve) => {
      this.#resolve = resolve
    })
    this.#queries = statements.map(({ query: statement, values }) => {
      const query = new Query(statement, values, (cause, reply) => {
        if (cause !== null && cause !== undefined) this.#fail(cause)
        else this.#results.push(...resultsOf(reply as PgReply))
      })
      query.queryMode = 'extended'
      return query
    })
  }

  /** The name and the text of the statement that is being parsed: the driver keeps account of both. */
  get name(): string | undefined {
    return this.#queries[this.#at]?.name
  }

  get text(): unknown {
    return this.#queries[this.#at]?.text
  }

  submit(connection: unknown): null {
    const wire = connection as Wire
    // Each query ends itself with a Sync; theirs are held back, and one is sent behind all.
    const withoutSync = unsyncedOf(wire)
    wire.stream.cork?.()
    try {
      for (const query of this.#queries) {
        const refusal = query.submit(withoutSync)
        if (refusal instanceof Error) this.#fail(refusal)
        // What follows a statement that could not be sent must not be sent either.
        if (this.#failure !== undefined) break
      }
      wire.sync()
    } finally {
      wire.stream.uncork?.()
    }
    return null
  }

  handleRowDescription(message: unknown): void {
    this.#queries[this.#at]?.handleRowDescription(message)
  }

  handleDataRow(message: unknown): void {
    this.#queries[this.#at]?.handleDataRow(message)
  }

  handleCommandComplete(message: { readonly text?: unknown }, connection: unknown): void {
    const query = this.#queries[this.#at]
    query?.handleCommandComplete?.(message, connection)
    this.#next(query, connection)
  }

  handleEmptyQuery(connection: unknown): void {
    const query = this.#queries[this.#at]
    query?.handleEmptyQuery(connection)
    this.#next(query, connection)
  }

  /** COPY FROM STDIN asks for data that nobody has; while it asks, the server drops a Sync. */
  handleCopyInResponse(connection: unknown): void {
    const wire = connection as Wire
    wire.sendCopyFail('COPY FROM STDIN has to be sent by a stream of its own')
    wire.sync()
  }

  handleCopyData(): void {
    // The rows of a COPY TO go nowhere; its tag ends the statement.
  }

  handlePortalSuspended(): void {
    // No statement asks for its rows in pieces.
  }

  handleReadyForQuery(): void {
    this.#resolve({ results: this.#results, failure: this.#failure })
    this.callback?.(null)
  }

  /** The server's error, after which it skips to the Sync; or the loss of the connection. */
  handleError(cause: unknown): void {
    this.#fail(cause)
    this.handleReadyForQuery()
  }

  /** As the driver ends a query: it hands its result to its callback. */
  #next(query: DriverQuery | undefined, connection: unknown): void {
    this.#at += 1
    query?.handleReadyForQuery?.(connection)
  }

  #fail(cause: unknown): void {
    this.#failure ??= { cause }
  }
}

function timeoutOf(query: string | PgQuery): number | undefined {
  return typeof query === 'string' ? undefined : (query as { query_timeout?: number }).query_timeout
}

const unsynced = new WeakMap<Wire, unknown>()

/** The same connection, but for its Sync. */
function unsyncedOf(wire: Wire): unknown {
  const known = unsynced.get(wire)
  if (known !== undefined) return known
  const made: unknown = Object.create(wire, { sync: { value: () => undefined } })
  unsynced.set(wire, made)
  return made
}

/**
 * Several statements in one message: one Parse, Bind and Execute each, and a single Sync.
 *
 * Keeps A1: under one Sync the server skips whatever follows a statement that failed. So a BEGIN may
 * share its message with the work: where it fails, the work is not run, and can't be committed by
 * itself. In one text, or in messages with a Sync each, it would be (PG-12).
 */
import type { PgConnection, PgQuery, PgReply, PgResult, PgSubmittable } from './driver.ts'
import { Message } from './message.ts'
import { namePrefix, OwnQuery, type OwnStatement, type OwnWire, withoutName } from './own-query.ts'

/** How the driver's query reads its rows: by the types of its connection, unless it has its own. */
interface Reading {
  _types?: unknown
}

/** A query object of the driver's own, which reads the rows of one statement. */
export interface DriverQuery extends PgSubmittable {
  /** What the session keeps it under. */
  name?: string
  readonly _result?: Reading
  binary?: boolean
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
export interface UserStatement {
  readonly query: string | PgQuery
  readonly values?: readonly unknown[] | undefined
}

export type PipelineStatement = UserStatement | OwnStatement

/** What was answered before the first failure, if there was one. */
export interface PipelineAnswer {
  /** One for each statement that succeeded, in order. */
  readonly results: readonly PgResult[]
  readonly failure: PipelineFailure | undefined
}

export interface PipelineFailure {
  readonly cause: unknown
  /**
   * Whether the server or the connection said so, and nothing was run behind it. Else what was
   * answered could not be sent or read here (a type parser threw), and the server went on.
   */
  readonly isAnswer: boolean
  /** Whether it could not be sent, so that nothing that stands behind it was sent either. */
  readonly isUnsent: boolean
}

/** The protocol's own layer, as far as a message is put together with it. */
interface Wire extends OwnWire {
  sync(): void
  sendCopyFail(message: string): void
  /** Of newer drivers: names whose texts were sent, and not yet parsed. */
  readonly submittedNamedStatements?: Record<string, string>
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
  /** The driver puts here what its connection's types are, and whether rows come in binary. */
  readonly _result: Reading = {}
  binary?: boolean
  readonly #queries: readonly (DriverQuery | OwnQuery)[]
  readonly #results: PgResult[] = []
  /** The statement whose answer is being read. */
  #at = 0
  #failure: PipelineFailure | undefined
  #isSending = false
  #resolve: (answer: PipelineAnswer) => void = () => undefined

  constructor(Query: DriverQueryClass, statements: readonly PipelineStatement[]) {
    this.answered = new Promise((resolve) => {
      this.#resolve = resolve
    })
    let timeoutMs: number | undefined
    const queries: (DriverQuery | OwnQuery)[] = []
    for (const statement of statements) {
      if ('own' in statement) queries.push(new OwnQuery(statement, this.#results))
      else {
        timeoutMs ||= timeoutOf(statement.query)
        queries.push(this.#driverQuery(Query, statement))
      }
    }
    this.#queries = queries
    this.query_timeout = timeoutMs
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
    const message = new Message(wire)
    this.#isSending = true
    try {
      for (const query of this.#queries) {
        if (query instanceof OwnQuery) {
          query.write(wire, message)
          continue
        }
        this.#dress(query)
        const refusal = query.submit(wire)
        if (refusal instanceof Error) this.#fail(refusal)
        // What follows a statement that could not be sent must not be sent either.
        if (this.#failure !== undefined) break
      }
    } catch (error) {
      this.#fail(error)
    }
    this.#isSending = false
    message.send()
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
  handleError(cause: unknown, connection?: unknown): void {
    this.#failure ??= { cause, isAnswer: true, isUnsent: false }
    this.#forgetUnparsed(connection as Wire | undefined)
    this.handleReadyForQuery()
  }

  /** What stood behind a failure was not parsed, though the driver takes note when it is sent. */
  #forgetUnparsed(wire: Wire | undefined): void {
    const submitted = wire?.submittedNamedStatements
    if (submitted === undefined) return
    for (const { name } of this.#queries.slice(this.#at)) if (name) delete submitted[name]
  }

  /** As the driver ends a query: it hands its result to its callback. */
  #next(query: DriverQuery | OwnQuery | undefined, connection: unknown): void {
    this.#at += 1
    query?.handleReadyForQuery?.(connection)
  }

  #driverQuery(Query: DriverQueryClass, { query: statement, values }: UserStatement): DriverQuery {
    // The driver copies an object member by member, which costs it more than all the rest.
    const kept = isKept(statement) ? statement : undefined
    const query = new Query(kept?.text ?? statement, kept?.values ?? values, (cause, reply) => {
      if (cause !== null && cause !== undefined) this.#fail(cause)
      else if (Array.isArray(reply)) this.#results.push(...(reply as readonly PgResult[]))
      else this.#results.push(reply as PgResult)
    })
    if (kept?.name !== undefined) query.name = kept.name
    query.queryMode = 'extended'
    return query
  }

  /** Gives a query of the driver's what the driver would have given it. */
  #dress(query: DriverQuery): void {
    if (query._result !== undefined) query._result._types ??= this._result._types
    if (this.binary === true) query.binary ??= true
  }

  #fail(cause: unknown): void {
    this.#failure ??= { cause, isAnswer: false, isUnsent: this.#isSending }
  }
}

/**
 * The driver's class of query objects, where messages of several statements can be put together with
 * it: node-postgres has it on its class of clients. Undefined for drivers that can't.
 */
export function queryClassOf(client: PgConnection): DriverQueryClass | undefined {
  const { Query } = client.constructor as { readonly Query?: DriverQueryClass }
  // One that writes ahead of the answers takes no query objects but its own.
  if (client.getTransactionStatus === undefined || client.pipeline === true) return undefined
  return Query?.prototype.handleRowDescription === undefined ? undefined : Query
}

/** Sends statements under one Sync. */
export function sendPipeline(
  client: PgConnection,
  Query: DriverQueryClass,
  statements: readonly PipelineStatement[],
): Promise<PipelineAnswer> {
  const isForgetful = forgetful.has(client)
  const pipeline = new Pipeline(Query, isForgetful ? statements.map(nameless) : statements)
  void client.query(pipeline)
  return pipeline.answered
}

/** Connections that keep no statement of ours: behind a pooler, each may reach another session. */
const forgetful = new WeakSet<PgConnection>()

/** Whether statements may be sent under names of ours on this connection. */
export function keepsNames(client: PgConnection): boolean {
  return !forgetful.has(client) && queryClassOf(client) !== undefined
}

/** Sends no statement under a name on this connection any more. */
export function forgetNames(client: PgConnection): void {
  forgetful.add(client)
}

function nameless(statement: PipelineStatement): PipelineStatement {
  if ('own' in statement) return withoutName(statement)
  const { query } = statement
  return isKept(query) ? { query: query.text, values: query.values } : statement
}

/** Whether it is to be sent under a name of ours. */
export function isKept(query: PgQuery | string): query is PgQuery {
  return typeof query !== 'string' && query.name?.startsWith(namePrefix) === true
}

function timeoutOf(query: string | PgQuery): number | undefined {
  return typeof query === 'string' ? undefined : (query as { query_timeout?: number }).query_timeout
}

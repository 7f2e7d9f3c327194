/**
 * A driver whose server is a script: for what only MySQL answers, or only servers that can't be had
 * here (old ones, clusters). It takes the form of a mysql2 pool of callbacks.
 */
import type { MysqlCallbackPool, MysqlClientShape } from '../../../src/mysql.ts'

/** Rows, an error of the server's, or nothing for its OK. */
export type ScriptedAnswer =
  | { readonly rows: readonly Record<string, unknown>[] }
  | { readonly errno: number; readonly message?: string }
  | undefined

type Answered = (error: unknown, result?: unknown) => void

export class ScriptedServer {
  /** Every text that was sent, in order. */
  readonly sent: string[] = []
  readonly variables: Record<string, string>
  readonly #answer: (text: string) => ScriptedAnswer
  #inTransaction = false

  constructor(
    variables: Record<string, string>,
    answer: (text: string) => ScriptedAnswer = () => undefined,
  ) {
    this.variables = variables
    this.#answer = answer
  }

  get pool(): MysqlCallbackPool<MysqlClientShape> & { getConnection: unknown } {
    return {
      getConnection: (tell: (error: unknown, connection: MysqlClientShape) => void) => {
        tell(null, this.connection())
      },
    }
  }

  connection(): MysqlClientShape & { destroy(): void } {
    return {
      query: ((query: string | { sql: string }, _values: unknown, answered: Answered) => {
        const text = typeof query === 'string' ? query : query.sql
        queueMicrotask(() => this.#respond(text, answered))
        return { on: () => undefined }
      }) as MysqlClientShape['query'],
      release: () => undefined,
      destroy: () => undefined,
      ...{ on: () => undefined, removeListener: () => undefined },
    }
  }

  #respond(text: string, answered: Answered): void {
    this.sent.push(text)
    const answer = this.#answer(text) ?? this.#standard(text)
    if (answer !== undefined && 'errno' in answer) {
      const { errno, message = `error ${errno}` } = answer
      answered(Object.assign(new Error(message), { errno, sqlState: 'HY000' }))
      return
    }
    if (answer !== undefined) return answered(null, answer.rows)
    if (/^xa start|^start transaction/.test(text)) this.#inTransaction = true
    if (/^xa (?:commit|rollback)|^commit|^rollback$/.test(text)) this.#inTransaction = false
    answered(null, { affectedRows: 0, serverStatus: this.#inTransaction ? 3 : 2, warningStatus: 0 })
  }

  #standard(text: string): ScriptedAnswer {
    if (text.startsWith('show global variables')) {
      const rows = Object.entries(this.variables)
      return { rows: rows.map(([name, value]) => ({ Variable_name: name, Value: value })) }
    }
    if (text.startsWith('show global status')) {
      return { rows: [{ Variable_name: 'Uptime', Value: '10' }] }
    }
    if (text.startsWith('select database()')) {
      return { rows: [{ name: 'stock', account: 'shop@%' }] }
    }
    if (text.startsWith('select connection_id()')) {
      const limits = { lockWait: 50, metadataWait: 31_536_000, statement: 0, idle: 0 }
      const tracked = { trackedVariables: 'time_zone,autocommit', trackedState: 0 }
      return { rows: [{ thread: 7, now: 1_000, autocommit: 1, ...limits, ...tracked }] }
    }
    return text.startsWith('select') || text.startsWith('xa recover') ? { rows: [] } : undefined
  }
}

/** What a MySQL 8.4 that is set up well says of itself. */
export const mysql84: Record<string, string> = {
  version: '8.4.3',
  version_comment: 'MySQL Community Server - GPL',
  server_uuid: '5f1c9a52-0000-11ef-9d3a-0242ac110002',
  innodb_flush_log_at_trx_commit: '1',
  log_bin: 'ON',
  sync_binlog: '1',
  read_only: 'OFF',
  transaction_isolation: 'REPEATABLE-READ',
}

/** Texts of our own, and what is answered to them, on any connection. */
import {
  headerOf,
  type MysqlCallback,
  type MysqlConnection,
  type MysqlHeader,
  type MysqlRow,
} from './driver.ts'

/** What one text was answered with. */
export interface Reply {
  readonly header: MysqlHeader | undefined
  readonly rows: readonly MysqlRow[]
}

/** A session of the branch, or a connection of our own. */
export interface Asking {
  send(text: string): Promise<Reply>
  /** The same for a text that has no rows. */
  command(text: string): Promise<Reply>
}

/** What a pool may be set to otherwise, for its user's own statements. */
const plainAnswers = {
  rowsAsArray: false,
  nestTables: false,
  namedPlaceholders: false,
  typeCast: true,
}

/** Sends a text as it is. */
export function ask(connection: MysqlConnection, text: string, answered: MysqlCallback): void {
  connection.query({ sql: text, values: [], ...plainAnswers }, undefined, answered)
}

export function replyOf(result: unknown): Reply {
  const header = headerOf(result)
  return { header, rows: header === undefined ? (result as MysqlRow[]) : [] }
}

/** A field of the first row; numbers come as such. */
export function fieldOf({ rows }: Reply, name: string): string | undefined {
  const value = rows[0]?.[name]
  return value === undefined || value === null ? undefined : String(value)
}

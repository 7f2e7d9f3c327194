/**
 * `assent/prisma`: Prisma in a branch at MariaDB or MySQL.
 *
 * Prisma's adapter speaks to a pool of the driver `mariadb`; a branch's client is mysql2's. This is
 * that pool over that client, as far as the adapter (`@prisma/adapter-mariadb` 7) uses it. Neither
 * driver is imported. At PostgreSQL nothing of the kind is needed: see docs/integrations/prisma.md.
 */

/** mysql2's connection, of either kind: that of `mysql2/promise`, or the one with callbacks. */
export type Mysql2Connection = PromiseConnection | { promise(): PromiseConnection }

/** The members of a promise connection that are used. */
interface PromiseConnection {
  query(statement: never, values?: never): Promise<readonly [unknown, unknown]>
  execute(statement: never, values?: never): Promise<readonly [unknown, unknown]>
}

type Send = (statement: object, values: Values) => Promise<[unknown, Field[]]>

/** A column, as mysql2 describes it. */
interface Field {
  readonly name: string
  readonly columnType: number
  readonly flags: number
  readonly characterSet: number
  /** `json`, where MariaDB tells. */
  readonly extendedFormat?: string
}

/** What `mariadb` takes as a statement, and with it. */
type Statement = string | { readonly sql: string }
type Values = readonly unknown[] | undefined

/** A value on its way to the caller, as mysql2 hands it to `typeCast`. */
interface Cell {
  readonly type: string
  readonly extendedFormat?: string
  string(encoding?: string): string | null
  buffer(): Uint8Array | null
}

/**
 * A pool for `new PrismaMariaDb(pool)` whose one connection is the branch's. Typed as what it is
 * passed to, because the driver's types are not known here.
 *
 * One transaction of Prisma's has the connection at a time; all else waits for its end, as it does
 * for a real pool of one connection. So work that runs beside it is not undone with it.
 *
 * @example
 * import { PrismaMariaDb } from '@prisma/adapter-mariadb'
 * import type { PoolConnection } from 'mysql2'
 *
 * // For `new PrismaClient({ adapter })`, inside of the transaction.
 * const adapterOf = (client: PoolConnection) => new PrismaMariaDb(mariadbPool(client))
 */
export function mariadbPool<Pool>(client: Mysql2Connection): Pool {
  const connection = 'promise' in client ? client.promise() : client
  const query = connection.query.bind(connection) as unknown as Send
  const execute = connection.execute.bind(connection) as unknown as Send
  const turns = new Turns()
  return {
    query: (statement: Statement, values?: Values) =>
      turns.free.then(() => run(query, statement, values)),
    execute: (statement: Statement, values?: Values) =>
      turns.free.then(() => run(execute, statement, values)),
    getConnection: async () => {
      const release = await turns.take()
      return {
        query: (statement: Statement, values?: Values) => run(query, statement, values),
        execute: (statement: Statement, values?: Values) => run(execute, statement, values),
        release: async () => release(),
        // The branch hears of errors of its connection by itself.
        on: () => undefined,
        off: () => undefined,
      }
    },
    end: async () => undefined,
  } as Pool
}

/** One after the other, in the order in which they asked. */
class Turns {
  /** Resolves when the last of those who asked has had its turn. */
  free: Promise<void> = Promise.resolve()

  /** Waits for a turn; the answer ends it. */
  async take(): Promise<() => void> {
    const before = this.free
    const { promise, resolve } = Promise.withResolvers<void>()
    this.free = promise
    await before
    return resolve
  }
}

/** How the adapter wants values: as `mariadb` gives them with the options that it passes. */
const readings = {
  rowsAsArray: true,
  dateStrings: true,
  supportBigNumbers: true,
  bigNumberStrings: true,
  typeCast: (cell: Cell, next: () => unknown) => {
    if (cell.type === 'GEOMETRY') return cell.buffer()
    const isJson = cell.type === 'JSON' || cell.extendedFormat === 'json'
    return isJson ? cell.string('utf8') : next()
  },
}

async function run(send: Send, statement: Statement, values: Values): Promise<unknown> {
  const sql = typeof statement === 'string' ? statement : statement.sql
  const [reply, fields] = await send({ sql, ...readings }, values)
  return Array.isArray(reply) ? Object.assign(reply, { meta: fields.map(described) }) : reply
}

/** A column, as `mariadb` describes it. */
function described({ name, columnType, flags, characterSet, extendedFormat }: Field): object {
  return {
    name: () => name,
    type: typeNames[columnType],
    flags,
    collation: { index: characterSet },
    dataTypeFormat: extendedFormat,
  }
}

/** By the protocol's numbers; from https://mariadb.com/kb/en/result-set-packets/ */
const typeNames: Readonly<Record<number, string>> = {
  0: 'DECIMAL',
  1: 'TINY',
  2: 'SHORT',
  3: 'INT',
  4: 'FLOAT',
  5: 'DOUBLE',
  6: 'NULL',
  7: 'TIMESTAMP',
  8: 'BIGINT',
  9: 'INT24',
  10: 'DATE',
  11: 'TIME',
  12: 'DATETIME',
  13: 'YEAR',
  14: 'NEWDATE',
  15: 'VARCHAR',
  16: 'BIT',
  17: 'TIMESTAMP2',
  18: 'DATETIME2',
  19: 'TIME2',
  245: 'JSON',
  246: 'NEWDECIMAL',
  247: 'ENUM',
  248: 'SET',
  249: 'TINY_BLOB',
  250: 'MEDIUM_BLOB',
  251: 'LONG_BLOB',
  252: 'BLOB',
  253: 'VAR_STRING',
  254: 'STRING',
  255: 'GEOMETRY',
}

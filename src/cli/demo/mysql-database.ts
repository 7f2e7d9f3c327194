/**
 * A MySQL or MariaDB database of the user's, through mysql2. A schema would be another database
 * there, so the bank's tables have long names in the one that is given.
 */
import type { Pool, ResultSetHeader, RowDataPacket } from 'mysql2/promise'

import { mysql } from '../../mysql.ts'
import type { ResourceCheck } from '../../participants/contract.ts'
import { branchIdOf, readXid, shownXid } from '../../participants/mysql/xid.ts'
import { accountRows } from './bank.ts'
import { checkOnce } from './check.ts'
import {
  type Answer,
  type Database,
  type Dialect,
  type Queries,
  queriesOf,
  type Tables,
  type WorkerDatabase,
  type WorkerDatabaseOptions,
  type WorkerSessions,
} from './database.ts'
import { shownUrlOf } from './database-url.ts'
import { loadMysql } from './driver.ts'
import type { Side } from './plan.ts'

const connectLimitMs = 5_000
const connectionsMax = 3
/** Seconds that the removal of a table waits for whoever uses it. */
const dropWaitSeconds = 5

const dialect: Dialect = {
  tables: (bank) => ({
    account: `${bank}_account`,
    journal: `${bank}_journal`,
    attempt: `${bank}_attempt`,
  }),
  write: (text) => text,
  read: (reply) => {
    const [result] = reply as [RowDataPacket[] | ResultSetHeader, unknown]
    return Array.isArray(result)
      ? { rows: result, changed: 0 }
      : { rows: [], changed: result.affectedRows }
  },
}

export async function openMysql(side: Side, url: string): Promise<Database> {
  const pool = await openPool(url, connectionsMax, connectLimitMs)
  return new MysqlDatabase(side, url, pool)
}

/** The same for the worker. */
export async function openWorkerMysql(options: WorkerDatabaseOptions): Promise<WorkerDatabase> {
  const pool = await openPool(options.url, options.connectionsMax, options.connectLimitMs)
  pool.on('connection', ({ threadId }) => options.onSession(threadId))
  return {
    participant: mysql(pool),
    tables: dialect.tables(options.bank),
    notes: queriesOf(dialect, pool),
    within: (client) => queriesOf(dialect, client),
    write: dialect.write,
    end: () => pool.end(),
  }
}

async function openPool(
  url: string,
  connectionLimit: number,
  connectTimeout: number,
): Promise<Pool> {
  const driver = await loadMysql()
  // The driver knows one scheme for both.
  return driver.createPool({
    uri: url.replace(/^mariadb:/, 'mysql:'),
    connectionLimit,
    connectTimeout,
  })
}

class MysqlDatabase implements Database {
  readonly side: Side
  readonly kind = 'mysql'
  readonly url: string
  readonly shownUrl: string
  readonly server = undefined
  readonly #pool: Pool
  readonly #queries: Queries

  constructor(side: Side, url: string, pool: Pool) {
    this.side = side
    this.url = url
    this.shownUrl = shownUrlOf(url)
    this.#pool = pool
    this.#queries = queriesOf(dialect, pool)
  }

  query(text: string, values?: readonly unknown[]): Promise<Answer> {
    return this.#queries.query(text, values)
  }

  tables(bank: string): Tables {
    return dialect.tables(bank)
  }

  placeOf(bank: string): string {
    return `tables ${bank}_*`
  }

  async openBank(bank: string): Promise<void> {
    const { account, journal, attempt } = dialect.tables(bank)
    const statements = [
      `create table ${account} (
         id int primary key,
         balance bigint not null check (balance >= 0)
       ) engine = InnoDB`,
      // spans: how many databases the transfer writes in, 1 or 2
      `create table ${journal} (
         transfer bigint primary key,
         transaction varchar(64) not null,
         spans int not null,
         delta bigint not null,
         form varchar(8) not null
       ) engine = InnoDB`,
      `create table ${attempt} (transfer bigint primary key) engine = InnoDB`,
      `insert into ${account} values ${accountRows()}`,
    ]
    try {
      for (const statement of statements) await this.query(statement)
    } catch (failure) {
      // Each statement stands for itself here: a half-made bank has to be taken down again.
      await this.dropBank(bank).catch(() => undefined)
      throw failure
    }
  }

  async dropBank(bank: string): Promise<void> {
    const { account, journal, attempt } = dialect.tables(bank)
    const connection = await this.#pool.getConnection()
    try {
      await connection.query(`set session lock_wait_timeout = ${dropWaitSeconds}`)
      await connection.query(`drop table if exists ${account}, ${journal}, ${attempt}`)
    } finally {
      connection.destroy()
    }
  }

  async prepared(): Promise<readonly string[]> {
    const [named] = (await this.query('select database() as name')).rows
    const { rows } = await this.query('xa recover')
    // The list is the whole server's: of other databases, only what it shows is known.
    return rows.map((row) => {
      const xid = readXid(row)
      return branchIdOf(xid, String(named?.name)) ?? shownXid(xid)
    })
  }

  async sessionsOf({ numbers }: WorkerSessions): Promise<number> {
    if (numbers.length === 0) return 0
    const { rows } = await this.query(
      'select count(*) as count from information_schema.processlist where id in (?)',
      [numbers],
    )
    return Number(rows[0]?.count ?? 0)
  }

  check(): Promise<ResourceCheck> {
    return checkOnce(this.side, mysql(this.#pool))
  }

  end(): Promise<void> {
    return this.#pool.end()
  }
}

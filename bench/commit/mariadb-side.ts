/** A bank in a MariaDB database. */
import mysql2, { type RowDataPacket } from 'mysql2/promise'
import { mysql } from '../../src/mysql.ts'
import type { ByHand, Side } from './side.ts'

export function openMariadbSide(url: string, connections: number): Side {
  const pool = mysql2.createPool({ uri: url, connectionLimit: connections })
  return {
    url,
    payText: 'update account set balance = balance - 1 where id = ?',
    getText: 'update account set balance = balance + 1 where id = ?',
    participant: () => mysql(pool),
    connect: async () => byHand(await pool.getConnection()),
    found: (accounts, openingBalance) => found(pool, accounts, openingBalance),
    balance: async () => {
      const [row] = await ask(pool, 'select cast(sum(balance) as char) as it from account')
      return Number(row?.it)
    },
    countPrepared: async () => (await ask(pool, 'xa recover')).length,
    laxSetting: () => laxSetting(pool),
    countSyncs: async () => {
      // Of its log and, seldom, of its tables: newer servers don't count the log's apart.
      const [row] = await ask(pool, "show global status like 'Innodb_data_fsyncs'")
      return row === undefined ? undefined : Number(row.Value)
    },
    close: () => pool.end(),
  }
}

function byHand(connection: mysql2.PoolConnection): ByHand {
  return {
    query: (text, values) => connection.query(text, values),
    queryKept: (text, values) => connection.execute(text, values as mysql2.ExecuteValues),
    begin: () => connection.query('begin'),
    commit: () => connection.query('commit'),
    beginBranch: (id) => connection.query(`xa start '${id}'`),
    prepare: async (id) => {
      // The driver sends the second when the first is answered.
      const ended = connection.query(`xa end '${id}'`)
      await Promise.all([ended, connection.query(`xa prepare '${id}'`)])
    },
    commitPrepared: (id) => connection.query(`xa commit '${id}'`),
    undo: async (id) => {
      await connection.query(`xa end '${id}'`).catch(() => undefined)
      await connection.query(`xa rollback '${id}'`).catch(() => undefined)
    },
    release: (isUnclear = false) => {
      if (isUnclear) connection.destroy()
      else connection.release()
    },
  }
}

async function found(pool: mysql2.Pool, accounts: number, openingBalance: number): Promise<void> {
  await pool.query('drop table if exists account')
  await pool.query(
    'create table account (id int primary key, balance bigint not null) engine = InnoDB',
  )
  const rows = Array.from({ length: accounts }, (_, id) => [id, openingBalance])
  await pool.query('insert into account values ?', [rows])
}

async function laxSetting(pool: mysql2.Pool): Promise<string | undefined> {
  const [row] = await ask(
    pool,
    'select @@innodb_flush_log_at_trx_commit as it, @@log_bin as binlog, @@sync_binlog as sync',
  )
  if (row?.it !== 1) return `innodb_flush_log_at_trx_commit ${row?.it}`
  return row.binlog === 1 && row.sync !== 1 ? `sync_binlog ${row.sync}` : undefined
}

async function ask(pool: mysql2.Pool, text: string): Promise<RowDataPacket[]> {
  const [rows] = await pool.query<RowDataPacket[]>(text)
  return rows
}

/** A bank in a PostgreSQL database. */
import pg from 'pg'
import { postgres } from '../../src/postgres.ts'
import type { ByHand, Side } from './side.ts'

export function openPostgresSide(url: string, connections: number): Side {
  const pool = new pg.Pool({
    connectionString: url,
    max: connections,
    // By default a pool closes what was idle for 10 s: with the load, and all at once, so that a
    // benchmark measures how fast connections are opened again.
    idleTimeoutMillis: 0,
  })
  pool.on('error', () => undefined) // the transaction that uses the connection tells of it
  return {
    url,
    payText: 'update account set balance = balance - 1 where id = $1',
    getText: 'update account set balance = balance + 1 where id = $1',
    participant: () => postgres(pool),
    connect: async () => byHand(await pool.connect()),
    found: (accounts, openingBalance) => found(pool, accounts, openingBalance),
    balance: () => askNumber(pool, 'select sum(balance)::text as it from account'),
    countPrepared: () =>
      askNumber(
        pool,
        'select count(*)::text as it from pg_prepared_xacts where database = current_database()',
      ),
    laxSetting: () => laxSetting(pool),
    countSyncs: () => countSyncs(pool),
    close: () => pool.end(),
  }
}

function byHand(client: pg.PoolClient): ByHand {
  return {
    query: (text, values) => client.query(text, values),
    queryKept: (text, values) => client.query({ name: text, text, values }),
    begin: () => client.query('begin'),
    commit: () => client.query('commit'),
    beginBranch: () => client.query('begin'),
    prepare: (id) => client.query(`prepare transaction '${id}'`),
    commitPrepared: (id) => client.query(`commit prepared '${id}'`),
    undo: async (id) => {
      await client.query('rollback').catch(() => undefined)
      await client.query(`rollback prepared '${id}'`).catch(() => undefined)
    },
    release: (isUnclear = false) => client.release(isUnclear),
  }
}

async function found(pool: pg.Pool, accounts: number, openingBalance: number): Promise<void> {
  await pool.query('drop table if exists account')
  await pool.query('create table account (id int primary key, balance bigint not null)')
  await pool.query('insert into account select id, $1 from generate_series(0, $2) as id', [
    openingBalance,
    accounts - 1,
  ])
  await pool.query('vacuum analyze account')
}

async function laxSetting(pool: pg.Pool): Promise<string | undefined> {
  const { rows } = await pool.query(
    "select current_setting('fsync') as fsync, current_setting('synchronous_commit') as commit",
  )
  const { fsync, commit } = rows[0]
  if (fsync === 'on' && commit === 'on') return undefined
  return `fsync ${fsync} and synchronous_commit ${commit}`
}

/**
 * The server notes them within a second, from version 14 on, from 18 on in `pg_stat_io`; none where
 * its log is opened so that each write is forced, without a sync.
 */
async function countSyncs(pool: pg.Pool): Promise<number | undefined> {
  const version = await askNumber(pool, "select current_setting('server_version_num') as it")
  const { rows } = await pool.query("select current_setting('wal_sync_method') as it")
  if (version < 140_000 || rows[0].it.startsWith('open_')) return undefined
  return await askNumber(
    pool,
    version >= 180_000
      ? "select sum(fsyncs)::text as it from pg_stat_io where object = 'wal'"
      : 'select wal_sync::text as it from pg_stat_wal',
  )
}

async function askNumber(pool: pg.Pool, text: string): Promise<number> {
  const { rows } = await pool.query(text)
  return Number(rows[0].it)
}

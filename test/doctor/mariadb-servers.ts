/** Ways to make a MariaDB server ill, or to make it seem so, and to see what the doctor says. */
import callbackMysql from 'mysql2'
import type { Pool, PoolConnection } from 'mysql2/promise'
import type { Finding } from '../../src/core/findings.ts'
import type { BranchId } from '../../src/core/ids.ts'
import type { DoctorReport } from '../../src/doctor/doctor.ts'
import { type MysqlOptions, mysql } from '../../src/mysql.ts'
import { xidOf } from '../../src/participants/mysql/xid.ts'
import type { MariadbServers } from '../harness/mariadb.ts'
import { until } from '../harness/until.ts'
import { examineAll, type Setting } from './examination.ts'

export const at: string = 'stock'

export async function examineUrl(
  servers: MariadbServers,
  url: string,
  options: MysqlOptions = {},
  setting: Setting = {},
): Promise<readonly Finding[]> {
  return (await examineAll({ [at]: mysql(servers.pool(url), options) }, setting)).findings
}

/** The findings of a server with these settings. */
export async function withSettings(
  servers: MariadbServers,
  settings: Readonly<Record<string, string | number>>,
  options: MysqlOptions = {},
): Promise<readonly Finding[]> {
  const server = await servers.start({ settings })
  const findings = await examineUrl(servers, server.url, options)
  await server.remove()
  return findings
}

const detached = 'select 1 from information_schema.innodb_trx where trx_mysql_thread_id = 0'

/** A branch to be prepared. */
export interface Prepared {
  /** As XA statements take it, at the database of that name. */
  readonly xidIn: (database: string) => string
  /** Whether the session that prepared it lives on. */
  readonly isLiving?: boolean
  /** How old it is to be before the next one is prepared. */
  readonly ageMs?: number
}

/** What is found at a new database of a server where these are prepared, one after the other. */
export async function withBranches(
  servers: MariadbServers,
  branches: readonly Prepared[],
  setting: Setting,
  server?: { readonly url: string },
): Promise<DoctorReport> {
  const url = await servers.database(server ?? (await servers.shared()))
  const database = new URL(url).pathname.slice(1)
  const pool = servers.pool(url)
  await pool.query('create table item (id int)')
  const living = new Map<string, PoolConnection>()
  try {
    for (const { xidIn, isLiving = false, ageMs = 0 } of branches) {
      const xid = xidIn(database)
      const client = await prepare(pool, xid)
      const preparedMs = Date.now()
      if (isLiving) living.set(xid, client)
      else await leave(pool, client)
      await until('it is old enough', async () => Date.now() - preparedMs >= ageMs)
    }
    return await examineAll({ [at]: mysql(servers.pool(url)) }, setting)
  } finally {
    for (const { xidIn } of branches) {
      const xid = xidIn(database)
      await (living.get(xid) ?? pool).query(`xa rollback ${xid}`)
      living.get(xid)?.release()
    }
  }
}

async function prepare(pool: Pool, xid: string): Promise<PoolConnection> {
  const client = await pool.getConnection()
  for (const text of [`xa start ${xid}`, 'insert into item values (1)', `xa end ${xid}`]) {
    await client.query(text)
  }
  await client.query(`xa prepare ${xid}`)
  return client
}

/** Ends the session of what it prepared, and waits until the server shows that. */
async function leave(pool: Pool, client: PoolConnection): Promise<void> {
  const count = async (): Promise<number> => {
    // InnoDB answers from a copy that is renewed only when nobody has asked for 0.1 s.
    await pool.query('do sleep(0.15)')
    const [rows] = await pool.query(detached)
    return (rows as unknown[]).length
  }
  const before = await count()
  client.destroy()
  await until('the server shows it without a session', async () => (await count()) > before)
}

/** The findings where one branch is prepared whose session is gone. */
export async function withPrepared(
  servers: MariadbServers,
  xidIn: (database: string) => string,
  setting: Setting,
): Promise<readonly Finding[]> {
  return (await withBranches(servers, [{ xidIn }], setting)).findings
}

/** A connection that is told what MySQL tells an account without XA_RECOVER_ADMIN. */
export function withoutRight(url: string): NonNullable<MysqlOptions['recovery']> {
  return async () => {
    const connection = callbackMysql.createConnection(url)
    const { query } = connection
    const refused = Object.assign(new Error('Access denied; you need XA_RECOVER_ADMIN'), {
      errno: 1227,
      sqlState: '42000',
    })
    Object.assign(connection, {
      query: (...given: unknown[]) => {
        const [options, , answered] = given as [{ sql: string }, unknown, (error: Error) => void]
        if (!options.sql.startsWith('xa recover')) return Reflect.apply(query, connection, given)
        answered(refused)
        return undefined
      },
    })
    return connection as never
  }
}

export function branchOf(log: string): (database: string) => string {
  return (database) => xidOf(`assent.shop.${log}.1.1.0` as BranchId, database)
}

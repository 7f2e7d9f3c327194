/** Findings of a MariaDB or MySQL server: how each is provoked on a real one, and how grave it is. */
import callbackMysql from 'mysql2'
import type { Finding } from '../../src/core/findings.ts'
import type { BranchId } from '../../src/core/ids.ts'
import { type MysqlOptions, mysql } from '../../src/mysql.ts'
import { xidOf } from '../../src/participants/mysql/xid.ts'
import { accountUrl, administer, type MariadbServers } from '../harness/mariadb.ts'
import { until } from '../harness/until.ts'
import { examineAll, ownLog, type Provocation, type Setting } from './examination.ts'

export interface MariadbProvocation extends Provocation {
  readonly provoke: (servers: MariadbServers) => Promise<readonly Finding[]>
  /** Whether it takes a server that is ours to set up otherwise. */
  readonly isOfServer: boolean
}

const at = 'stock'

async function examineUrl(
  servers: MariadbServers,
  url: string,
  options: MysqlOptions = {},
  setting: Setting = {},
): Promise<readonly Finding[]> {
  return (await examineAll({ [at]: mysql(servers.pool(url), options) }, setting)).findings
}

/** The findings of a server with these settings. */
async function withSettings(
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

/** A new database in which an xid was prepared by a session that is gone. */
export async function withPrepared(
  servers: MariadbServers,
  xidIn: (database: string) => string,
  setting: Setting,
): Promise<readonly Finding[]> {
  const url = await servers.database(await servers.shared())
  const xid = xidIn(new URL(url).pathname.slice(1))
  const pool = servers.pool(url)
  await pool.query('create table item (id int)')
  const client = await pool.getConnection()
  for (const text of [`xa start ${xid}`, 'insert into item values (1)', `xa end ${xid}`]) {
    await client.query(text)
  }
  await client.query(`xa prepare ${xid}`)
  client.destroy()
  await until('the server shows it without a session', async () => {
    // InnoDB answers from a copy that is renewed only when nobody has asked for 0.1 s.
    await pool.query('do sleep(0.15)')
    const [rows] = await pool.query(detached)
    return (rows as unknown[]).length > 0
  })
  try {
    return await examineUrl(servers, url, {}, setting)
  } finally {
    await pool.query(`xa rollback ${xid}`)
  }
}

/** A connection that is told what MySQL tells an account without XA_RECOVER_ADMIN. */
function withoutRight(url: string): NonNullable<MysqlOptions['recovery']> {
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

function branchOf(log: string): (database: string) => string {
  return (database) => xidOf(`assent.shop.${log}.1.1.0` as BranchId, database)
}

export const ofMariadb: readonly MariadbProvocation[] = [
  {
    id: 'fsync-off',
    severity: 'error',
    by: 'innodb_flush_log_at_trx_commit = 2',
    at,
    says: /^innodb_flush_log_at_trx_commit is 2$/,
    command: /^set global innodb_flush_log_at_trx_commit = 1;/,
    isOfServer: true,
    provoke: (servers) => withSettings(servers, { innodb_flush_log_at_trx_commit: 2 }),
  },
  {
    id: 'danger-accepted',
    severity: 'notice',
    by: "innodb_flush_log_at_trx_commit = 2, and allowUnsafe: ['unflushed-log']",
    at,
    says: /^innodb_flush_log_at_trx_commit is 2, and allowUnsafe names/,
    command: /^set global innodb_flush_log_at_trx_commit = 1;/,
    isOfServer: true,
    provoke: (servers) =>
      withSettings(
        servers,
        { innodb_flush_log_at_trx_commit: 2 },
        { allowUnsafe: ['unflushed-log'] },
      ),
  },
  {
    id: 'binary-log-unforced',
    severity: 'error',
    by: 'log_bin, and sync_binlog = 0',
    at,
    says: /^the binary log is on, and sync_binlog is 0$/,
    command: /^set global sync_binlog = 1;/,
    isOfServer: true,
    provoke: (servers) =>
      withSettings(servers, { log_bin: 'binlog', server_id: 1, sync_binlog: 0 }),
  },
  {
    id: 'pages-unprotected',
    severity: 'warning',
    by: 'innodb_doublewrite = OFF',
    at,
    says: /^innodb_doublewrite is OFF$/,
    command: /^innodb_doublewrite = ON/,
    isOfServer: true,
    provoke: (servers) => withSettings(servers, { innodb_doublewrite: 0 }),
  },
  {
    id: 'server-in-recovery',
    severity: 'error',
    by: 'read_only = ON',
    at,
    says: /^read_only is on$/,
    command: /^set global read_only = 0;/,
    isOfServer: true,
    provoke: (servers) => withSettings(servers, { read_only: 1 }),
  },
  {
    id: 'tables-not-transactional',
    severity: 'warning',
    by: 'a table of another engine',
    at,
    says: /^1 of its tables are not InnoDB: visits \(MyISAM\)$/,
    command: /^alter table `visits` engine = InnoDB;$/,
    isOfServer: false,
    provoke: async (servers) => {
      const url = await servers.database(await servers.shared())
      await administer(
        url,
        'create table item (id int) engine = InnoDB',
        'create table visits (id int) engine = MyISAM',
      )
      return await examineUrl(servers, url)
    },
  },
  {
    id: 'prepared-hidden',
    severity: 'error',
    by: "MySQL's answer to an account without XA_RECOVER_ADMIN, on its way from a real server",
    at,
    says: /^the account assent@.* may not run XA RECOVER: Access denied; /,
    command: /^grant XA_RECOVER_ADMIN on \*\.\* to 'assent'@'.*';$/,
    isOfServer: false,
    provoke: async (servers) => {
      const url = await servers.database(await servers.shared())
      return await examineUrl(servers, url, { recovery: withoutRight(url) })
    },
  },
  {
    id: 'resource-refused',
    severity: 'error',
    by: 'a `recovery` whose account may not end the sessions of the pool',
    at,
    says: /the account of `recovery` may not end sessions of the pool: /,
    isOfServer: true,
    provoke: async (servers) => {
      const server = await servers.shared()
      const url = await servers.database(server)
      const { pathname } = new URL(url)
      await administer(
        server.url,
        "create user if not exists helper@'%' identified by 'known'",
        `grant all on ${pathname.slice(1)}.* to helper@'%'`,
      )
      const recovery = servers.pool(accountUrl(url, 'helper', 'known'))
      return await examineUrl(servers, url, { recovery })
    },
  },
  {
    id: 'own-branch-waits',
    severity: 'warning',
    by: 'a branch of a log of ours whose session is gone, and a limit of 1 ms',
    at,
    says: /^1 branch of ours is prepared, and the oldest .* \(the limit is 1 ms\): assent\.shop\./,
    command: /^assent show assent\.shop\.0123456789abc\.1\.1\.0$/,
    isOfServer: false,
    provoke: (servers) => withPrepared(servers, branchOf(ownLog), { ownAgeMs: 1 }),
  },
  {
    id: 'stranger-branch-waits',
    severity: 'warning',
    by: "another program's xid whose session is gone, and a limit of 1 ms",
    at,
    says: /^1 transaction of others is prepared, and the oldest .* old .*: 'nightly','run',7$/,
    command: /^xa recover/,
    isOfServer: false,
    provoke: (servers) => withPrepared(servers, () => `'nightly','run',7`, { strangerAgeMs: 1 }),
  },
  {
    id: 'another-installation',
    severity: 'error',
    by: 'a branch of our name, of a log that is not ours',
    at,
    says: /^'shop' is at work here with zzzzzzzzzzzzz, a log not ours: assent\.shop\./,
    command: /^xa recover/,
    isOfServer: false,
    provoke: (servers) => withPrepared(servers, branchOf('zzzzzzzzzzzzz'), {}),
  },
]

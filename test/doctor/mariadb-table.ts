/** Findings of a MariaDB or MySQL server: how each is provoked on a real one, and how grave it is. */
import type { Finding } from '../../src/core/findings.ts'
import { accountUrl, administer, type MariadbServers } from '../harness/mariadb.ts'
import { ownLog, type Provocation } from './examination.ts'
import {
  at,
  branchOf,
  examineUrl,
  withBranches,
  withoutRight,
  withPrepared,
  withSettings,
} from './mariadb-servers.ts'

export interface MariadbProvocation extends Provocation {
  readonly provoke: (servers: MariadbServers) => Promise<readonly Finding[]>
  /** Whether it takes a server that is ours to set up otherwise. */
  readonly isOfServer: boolean
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
    says: /^innodb_flush_log_at_trx_commit is 2$/,
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
    id: 'fsync-off',
    severity: 'error',
    by: 'innodb_flush_method = nosync',
    at,
    says: /^innodb_flush_method is nosync$/,
    command: /^innodb_flush_method = fsync {2}# under \[mysqld\]/,
    isOfServer: true,
    provoke: (servers) => withSettings(servers, { innodb_flush_method: 'nosync' }),
  },
  {
    id: 'danger-accepted',
    severity: 'notice',
    by: "innodb_flush_method = nosync, and allowUnsafe: ['unflushed-log']",
    at,
    says: /^innodb_flush_method is nosync$/,
    command: /^innodb_flush_method = fsync/,
    isOfServer: true,
    provoke: (servers) =>
      withSettings(servers, { innodb_flush_method: 'nosync' }, { allowUnsafe: ['unflushed-log'] }),
  },
  {
    id: 'last-resource-unforced',
    severity: 'warning',
    by: 'innodb_flush_method = nosync, and lastResource',
    at,
    says: /^innodb_flush_method is nosync$/,
    command: /^innodb_flush_method = fsync/,
    isOfServer: true,
    provoke: (servers) =>
      withSettings(servers, { innodb_flush_method: 'nosync' }, { lastResource: true }),
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
    command: /^GRANT CONNECTION ADMIN ON \*\.\* TO 'helper'@'%';$/,
    besides: ['ages-hidden'],
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
    says: /^1 branch of ours is prepared, and the oldest of all .* old \(the limit is 1 ms\): assent\.shop\./,
    look: /^assent show assent\.shop\.0123456789abc\.1\.1\.0$/,
    isOfServer: false,
    provoke: (servers) => withPrepared(servers, branchOf(ownLog), { ownAgeMs: 1 }),
  },
  {
    id: 'stranger-branch-waits',
    severity: 'warning',
    by: "another program's xid whose session is gone, and a limit of 1 ms",
    at,
    says: /^1 transaction of others is prepared, and the oldest .* old .*: 'nightly','run',7$/,
    look: /^xa recover/,
    isOfServer: false,
    provoke: (servers) => withPrepared(servers, () => `'nightly','run',7`, { strangerAgeMs: 1 }),
  },
  {
    id: 'unclear-branch-waits',
    severity: 'warning',
    by: "a branch of ours that is young beside another program's of 2 s, and a limit of 2 s",
    at,
    says: /^prepared are 1 branch of ours, 1 of others, and the oldest of all .* is at least [23] s old/,
    look: /^xa recover/,
    isOfServer: false,
    provoke: async (servers) => {
      const stranger = { xidIn: () => `'nightly','run',8`, ageMs: 2_000 }
      const young = { xidIn: branchOf(ownLog) }
      return (await withBranches(servers, [stranger, young], { ownAgeMs: 1_999 })).findings
    },
  },
  {
    id: 'ages-hidden',
    severity: 'notice',
    by: 'an account without the right PROCESS',
    at,
    says: /^the account plain@% may not read information_schema\.innodb_trx: Access denied/,
    command: /^grant process on \*\.\* to 'plain'@'%';$/,
    isOfServer: true,
    provoke: async (servers) => {
      const server = await servers.shared()
      const url = await servers.database(server)
      await administer(
        server.url,
        "create user plain@'%' identified by 'known'",
        `grant all on ${new URL(url).pathname.slice(1)}.* to plain@'%'`,
      )
      return await examineUrl(servers, accountUrl(url, 'plain', 'known'))
    },
  },
  {
    id: 'another-installation',
    severity: 'error',
    by: 'a branch of our name, of a log that is not ours',
    at,
    says: /^'shop' is at work here with zzzzzzzzzzzzz, a log not ours: assent\.shop\./,
    look: /^xa recover/,
    isOfServer: false,
    provoke: (servers) => withPrepared(servers, branchOf('zzzzzzzzzzzzz'), {}),
  },
]

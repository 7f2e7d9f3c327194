/** Findings of a PostgreSQL server: how each is provoked on a real one, and how grave it is. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Finding } from '../../src/core/findings.ts'
import { postgres } from '../../src/postgres.ts'
import { realPorts } from '../harness/ports.ts'
import { type PostgresServers, roleUrl } from '../harness/postgres.ts'
import { examineAll, ownLog, type Provocation } from './examination.ts'
import {
  examineUrl,
  pretended,
  surveyOf,
  variant,
  withPrepared,
  withSettings,
} from './postgres-servers.ts'

export interface PostgresProvocation extends Provocation {
  readonly provoke: (servers: PostgresServers) => Promise<readonly Finding[]>
}

const at = 'orders'

export const ofServers: readonly PostgresProvocation[] = [
  {
    id: 'prepared-off',
    severity: 'error',
    by: 'max_prepared_transactions = 0',
    at,
    says: /^max_prepared_transactions is 0$/,
    command: /^alter system set max_prepared_transactions = 100;/,
    provoke: (servers) => withSettings(servers, { max_prepared_transactions: 0 }),
  },
  {
    id: 'prepared-slots-few',
    severity: 'warning',
    by: 'max_prepared_transactions = 3, and a pool of 4',
    at,
    says: /room for 3 prepared transactions, and the pool can prepare 4$/,
    command: /^alter system set max_prepared_transactions = 4;/,
    provoke: (servers) => withSettings(servers, { max_prepared_transactions: 3 }),
  },
  {
    id: 'fsync-off',
    severity: 'error',
    by: 'fsync = off',
    at,
    says: /^fsync is off$/,
    command: /^alter system set fsync = on;/,
    provoke: (servers) => withSettings(servers, { fsync: 'off' }),
  },
  {
    id: 'danger-accepted',
    severity: 'notice',
    by: "fsync = off, and allowUnsafe: ['fsync-off']",
    at,
    says: /^fsync is off, and allowUnsafe names/,
    command: /^alter system set fsync = on;/,
    provoke: (servers) => withSettings(servers, { fsync: 'off' }, { allowUnsafe: ['fsync-off'] }),
  },
  {
    id: 'pages-unprotected',
    severity: 'warning',
    by: 'full_page_writes = off',
    at,
    says: /^full_page_writes is off$/,
    command: /^alter system set full_page_writes = on;/,
    provoke: (servers) => withSettings(servers, { full_page_writes: 'off' }),
  },
  {
    id: 'commits-unforced',
    severity: 'notice',
    by: 'synchronous_commit = off for a database',
    at,
    says: /^synchronous_commit is off in new sessions$/,
    command: /^alter role postgres set synchronous_commit = on;$/,
    provoke: async (servers) => {
      const url = await servers.database(await servers.shared())
      const name = new URL(url).pathname.slice(1)
      await servers.pool(url).query(`alter database ${name} set synchronous_commit = off`)
      return await examineUrl(servers, url)
    },
  },
  {
    id: 'server-in-recovery',
    severity: 'error',
    by: 'a standby',
    at,
    says: /^pg_is_in_recovery\(\) is true$/,
    command: /pg_promote/,
    provoke: async (servers) => {
      const server = await servers.shared(variant)
      await server.stop()
      await writeFile(join(server.directory, 'data', 'standby.signal'), '')
      await server.start()
      const findings = await examineUrl(servers, server.url)
      await servers.pool(server.url).query('select pg_promote()')
      return findings
    },
  },
  {
    id: 'identity-hidden',
    severity: 'error',
    by: 'revoke execute on function pg_control_system()',
    at,
    says: /^the role closed may not call pg_control_system\(\)$/,
    command: /^grant execute on function pg_control_system\(\) to closed;$/,
    provoke: async (servers) => {
      const server = await servers.shared(variant)
      const admin = servers.pool(server.url)
      await admin.query(`create role closed login password 'known'`)
      await admin.query('revoke execute on function pg_control_system() from public')
      return await examineUrl(servers, roleUrl(server.url, 'closed', 'known'))
    },
  },
  {
    id: 'server-too-old',
    severity: 'error',
    by: 'an answer that is rewritten to an older version',
    at,
    says: /; 13 is the oldest that will do$/,
    provoke: (servers) => pretended(servers, 'version', '120017'),
  },
  {
    id: 'server-variant',
    severity: 'warning',
    by: 'an answer that is rewritten to a variant',
    at,
    says: /^it calls itself PostgreSQL 15\.2-YB-2\.25/,
    provoke: (servers) => pretended(servers, 'product', 'PostgreSQL 15.2-YB-2.25.1.0-b0 on x86_64'),
  },
]

export const ofResources: readonly PostgresProvocation[] = [
  {
    id: 'resource-unreachable',
    severity: 'error',
    by: 'a server that was stopped',
    at,
    says: /ECONNREFUSED/,
    provoke: async (servers) => {
      const server = await servers.shared(variant)
      await server.stop()
      const findings = await examineUrl(servers, server.url)
      await server.start()
      return findings
    },
  },
  {
    id: 'resource-refused',
    severity: 'error',
    by: 'a `recovery` whose role may not finish what the pool prepares',
    at,
    says: /the role of `recovery` may not finish/,
    command: /^GRANT postgres TO stranger;$/,
    provoke: async (servers) => {
      const { url } = await servers.shared()
      await servers.pool(url).query(`create role stranger login password 'known'`)
      const recovery = servers.pool(roleUrl(url, 'stranger', 'known'))
      return await examineUrl(servers, url, { recovery })
    },
  },
  {
    id: 'resource-changed',
    severity: 'error',
    by: 'a log that knows the name by another fingerprint',
    at,
    says: /^it was postgresql\/1\/2, and now is postgresql\//,
    command: /^acceptChanged: \['orders'\] {2}\/\/ /,
    provoke: async (servers) =>
      await examineUrl(
        servers,
        (await servers.shared()).url,
        {},
        { survey: surveyOf(0, [{ name: at, fingerprint: 'postgresql/1/2' }]) },
      ),
  },
  {
    id: 'same-database-twice',
    severity: 'warning',
    by: 'two names, one of them by another address',
    at: 'stock',
    says: /^it reaches the same database as orders: postgresql\//,
    provoke: async (servers) => {
      const { url } = await servers.shared()
      const other = url.replace('127.0.0.1', 'localhost')
      const { findings } = await examineAll({
        orders: postgres(servers.pool(url)),
        stock: postgres(servers.pool(other)),
      })
      return findings
    },
  },
  {
    id: 'clock-skew',
    severity: 'warning',
    by: 'a clock of this machine that is an hour behind',
    at,
    says: /^its clock is (1 h|59 min) ahead of this machine's \(give or take \d+ ms; .* 5 s\)$/,
    command: /^timedatectl/,
    provoke: async (servers) => {
      const { clock } = realPorts()
      const behind = { ...clock, wallMs: () => clock.wallMs() - 3_600_000 }
      return await examineUrl(servers, (await servers.shared()).url, {}, { clock: behind })
    },
  },
  {
    id: 'own-branch-waits',
    severity: 'warning',
    by: 'a branch of a log of ours, and a limit of 1 ms',
    at,
    says: /^1 branch of ours is prepared for longer than 1 ms: assent\.shop\.0123456789abc\.1\.1\.0 \(/,
    look: /^assent show assent\.shop\.0123456789abc\.1\.1\.0$/,
    provoke: (servers) => withPrepared(servers, [`assent.shop.${ownLog}.1.1.0`], { ownAgeMs: 1 }),
  },
  {
    id: 'stranger-branch-waits',
    severity: 'warning',
    by: 'a gid of another program and one of another installation, and a limit of 1 ms',
    at,
    says: /^2 transactions of others are prepared for longer than 1 ms: assent\.mail\..*, nightly \(/,
    look: /^select gid, prepared, owner, database from pg_prepared_xacts/,
    provoke: (servers) =>
      withPrepared(servers, [`assent.mail.${ownLog}.1.1.0`, 'nightly'], { strangerAgeMs: 1 }),
  },
  {
    id: 'another-installation',
    severity: 'error',
    by: 'a branch of our name, of a log that is not ours',
    at,
    says: /^'shop' is at work here with zzzzzzzzzzzzz, a log not ours: assent\.shop\./,
    look: /^select gid, prepared, owner, database from pg_prepared_xacts/,
    provoke: (servers) => withPrepared(servers, ['assent.shop.zzzzzzzzzzzzz.1.1.0'], {}),
  },
  {
    id: 'branch-not-finishable',
    severity: 'error',
    by: 'a branch of ours that a role prepared which ours may not become',
    at,
    says: /^branches of ours were prepared by postgres, which plain may not act for$/,
    command: /^grant postgres to plain;$/,
    provoke: async (servers) => {
      const url = await servers.database(await servers.shared())
      const admin = servers.pool(url)
      await admin.query(`create role plain login password 'known'`)
      await admin.query('create table item (id int)')
      const gid = `assent.shop.${ownLog}.1.2.0`
      const client = await admin.connect()
      await client.query('begin; insert into item values (1)')
      await client.query(`prepare transaction '${gid}'`)
      client.release()
      const findings = await examineUrl(servers, roleUrl(url, 'plain', 'known'))
      await admin.query(`rollback prepared '${gid}'`)
      return findings
    },
  },
  {
    id: 'not-examined',
    severity: 'warning',
    by: 'a server that takes too long for one part',
    at,
    says: /^its set-up: no answer within 300 ms$/,
    provoke: async (servers) => {
      const participant = postgres(servers.pool((await servers.shared()).url))
      participant.diagnose = () => new Promise(() => undefined)
      return (await examineAll({ orders: participant }, { limitMs: 300 })).findings
    },
  },
]

/**
 * What the doctor asks of a PostgreSQL server, on a connection of our own: it reads settings and
 * system views, and changes nothing.
 */
import type { ReportedFinding } from '../../core/findings.ts'
import { isLogIdentity, parseBranchId } from '../../core/ids.ts'
import type { Clock } from '../../core/ports.ts'
import type { Diagnosis, DiagnosisRequest, LogOwner } from '../contract.ts'
import { compareClocks } from '../sql/clock.ts'
import { oldestVersion } from './check.ts'
import { fieldOf, type PgPool, type PgPoolInternals, type PgResult } from './driver.ts'
import { sqlStateOf } from './failures.ts'
import type { Asking } from './fate.ts'
import { readFingerprint } from './identity.ts'
import type { Settings } from './options.ts'
import type { Reserve } from './reserve.ts'
import { presenceForm } from './sql.ts'

export interface PostgresPatient {
  readonly pool: PgPool<unknown>
  readonly reserve: Reserve
  readonly settings: Settings
  readonly clock: Clock
}

type Fields = (name: string) => string

/** node-postgres's own default. */
const poolSizeDefault = 10

const settingsQuery = `select
  pg_catalog.current_setting('server_version_num') as version,
  pg_catalog.current_setting('server_version') as "versionName",
  pg_catalog.version() as product,
  pg_catalog.current_setting('max_prepared_transactions') as slots,
  pg_catalog.current_setting('max_connections') as connections,
  pg_catalog.current_setting('fsync') as fsync,
  pg_catalog.current_setting('full_page_writes') as pages,
  (select reset_val from pg_catalog.pg_settings where name = 'synchronous_commit') as commits,
  pg_catalog.pg_is_in_recovery()::text as standby,
  pg_catalog.quote_ident(current_user::text) as role`

const timeQuery = 'select (extract(epoch from pg_catalog.clock_timestamp()) * 1000)::text as now'

/** All that is prepared in this database by roles that we neither are nor may become. */
const unfinishableQuery = `select gid, pg_catalog.quote_ident(owner::text) as owner
  from pg_catalog.pg_prepared_xacts
  where database = pg_catalog.current_database()
    and not (select rolsuper from pg_catalog.pg_roles where rolname = current_user)
    and not coalesce(pg_catalog.pg_has_role(current_user, owner, 'MEMBER'), false)`

/** Names of sessions are for everybody to see; at another database they are no concern of ours. */
const presenceQuery = `select distinct application_name as name
  from pg_catalog.pg_stat_activity
  where datname = pg_catalog.current_database() and application_name like 'assent.%'`

const preparedQuery =
  'select gid, prepared, owner, database from pg_prepared_xacts order by prepared;'

/** Speak PostgreSQL's protocol, or have its code, and keep prepared transactions in their own way. */
const variants = /CockroachDB|-YB-|Redshift|Greenplum|Materialize|openGauss|GaussDB|CrateDB|QuestDB/

/** Rejects where the server can't be reached. */
export async function diagnose(
  patient: PostgresPatient,
  request: DiagnosisRequest,
): Promise<Diagnosis> {
  return await patient.reserve.run((connection) => look(connection, patient, request))
}

async function look(
  connection: Asking,
  { pool, settings, clock }: PostgresPatient,
  { logs }: DiagnosisRequest,
): Promise<Diagnosis> {
  const found = await connection.send(settingsQuery)
  const field: Fields = (name) => fieldOf(found, name) ?? ''
  const server = await readServer(connection)
  const unfinishable = rowsOf(await connection.send(unfinishableQuery)).filter(({ gid }) => {
    const log = parseBranchId(String(gid))?.log
    return log !== undefined && logs.has(log)
  })
  return {
    product: `PostgreSQL ${field('versionName')}`,
    findings: [
      ...judgeServer(field),
      ...judgeDurability(field, settings),
      ...(server === undefined ? [identityHidden(field)] : []),
      ...(settings.lastResource || field('slots') !== '0' ? [] : [preparedOff(field)]),
      ...judgeRights(unfinishable, field),
    ],
    clock: await compareClocks(clock, async () => {
      return Number(fieldOf(await connection.send(timeQuery), 'now'))
    }),
    room:
      server === undefined || settings.lastResource
        ? undefined
        : { server, limit: Number(field('slots')), poolSize: sizeOf(pool), raiseTo },
    undated: undefined, // each branch tells its own age
    preparedQuery,
    present: rowsOf(await connection.send(presenceQuery)).flatMap(({ name }) => ownerOf(name)),
  }
}

/** The cluster: its databases share its room. Undefined where the role may not read it. */
async function readServer(connection: Asking): Promise<string | undefined> {
  try {
    return (await readFingerprint(connection)).split('/').slice(0, 2).join('/')
  } catch (error) {
    const state = sqlStateOf(error)
    if (state === '42501' || state === '42883') return undefined
    throw error
  }
}

function judgeServer(field: Fields): ReportedFinding[] {
  const found: ReportedFinding[] = []
  const [product = ''] = field('product').split(' on ')
  if (Math.floor(Number(field('version')) / 10_000) < oldestVersion) {
    found.push({
      id: 'server-too-old',
      found: `PostgreSQL ${field('versionName')}; ${oldestVersion} is the oldest that will do`,
    })
  }
  if (!product.startsWith('PostgreSQL ') || variants.test(field('product'))) {
    found.push({ id: 'server-variant', found: `it calls itself ${field('product').slice(0, 80)}` })
  }
  if (field('standby') === 'true') {
    const command = 'select pg_promote();'
    found.push({ id: 'server-in-recovery', found: 'pg_is_in_recovery() is true', command })
  }
  return found
}

/** What check() refuses is an error here, and what it lets pass by an option is none. */
function judgeDurability(field: Fields, { allowFsyncOff }: Settings): ReportedFinding[] {
  const found: ReportedFinding[] = []
  if (field('fsync') !== 'on') {
    found.push({
      id: allowFsyncOff ? 'danger-accepted' : 'fsync-off',
      found: allowFsyncOff ? "fsync is off, and allowUnsafe names 'fsync-off'" : 'fsync is off',
      command: 'alter system set fsync = on; select pg_reload_conf();',
    })
  }
  if (field('pages') !== 'on') {
    found.push({
      id: 'pages-unprotected',
      found: 'full_page_writes is off',
      command: 'alter system set full_page_writes = on; select pg_reload_conf();',
    })
  }
  const commits = field('commits')
  if (commits === 'off' || commits === 'local') {
    found.push({
      id: 'commits-unforced',
      found: `synchronous_commit is ${commits} in new sessions`,
      command: `alter role ${field('role')} set synchronous_commit = on;`,
    })
  }
  return found
}

function identityHidden(field: Fields): ReportedFinding {
  return {
    id: 'identity-hidden',
    found: `the role ${field('role')} may not call pg_control_system()`,
    command: `grant execute on function pg_control_system() to ${field('role')};`,
  }
}

function preparedOff(field: Fields): ReportedFinding {
  return {
    id: 'prepared-off',
    found: 'max_prepared_transactions is 0',
    command: raiseTo(Number(field('connections'))),
  }
}

function judgeRights(
  unfinishable: readonly Readonly<Record<string, unknown>>[],
  field: Fields,
): ReportedFinding[] {
  const owners = [...new Set(unfinishable.map(({ owner }) => String(owner)))]
  return owners.map((owner) => ({
    id: 'branch-not-finishable',
    found: `branches of ours were prepared by ${owner}, which ${field('role')} may not act for`,
    command: `grant ${owner} to ${field('role')};`,
  }))
}

/** As many as that; it takes a restart. */
function raiseTo(limit: number): string {
  return `alter system set max_prepared_transactions = ${limit}; -- and restart the server`
}

function sizeOf(pool: PgPool<unknown>): number {
  const { options } = pool as PgPoolInternals
  const max = (options as { readonly max?: unknown } | undefined)?.max
  return typeof max === 'number' ? max : poolSizeDefault
}

function ownerOf(name: unknown): LogOwner[] {
  const match = presenceForm.exec(String(name))
  const [, installation = '', log = ''] = match ?? []
  return isLogIdentity(log) ? [{ installation, log }] : []
}

function rowsOf(results: readonly PgResult[]): PgResult['rows'] {
  return results.flatMap(({ rows }) => rows)
}

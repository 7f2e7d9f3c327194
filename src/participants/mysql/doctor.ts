/**
 * What the doctor asks of a MariaDB or MySQL server, on a connection of our own: it reads variables
 * and system tables, and changes nothing.
 */
import { messageOf } from '../../core/errors.ts'
import type { ReportedFinding } from '../../core/findings.ts'
import type { Clock } from '../../core/ports.ts'
import type { Diagnosis, PreparedBranch, UndatedBranches } from '../contract.ts'
import { compareClocks } from '../sql/clock.ts'
import { type Asking, fieldOf } from './asking.ts'
import { granteeOf } from './check.ts'
import { errors, numberOf } from './failures.ts'
import type { MysqlDanger, Settings } from './options.ts'
import type { Reserve } from './reserve.ts'
import {
  flavourNames,
  isTooOld,
  oldestVersions,
  readVariables,
  readVersion,
  type Version,
} from './server.ts'
import { currentDatabase, recoverXids } from './sql.ts'
import { branchIdOf, isOfAssent, readXid, shownXid } from './xid.ts'

export interface MysqlPatient {
  readonly reserve: Reserve
  readonly settings: Settings
  readonly clock: Clock
}

type Variables = ReadonlyMap<string, string>

const examined = [
  ...['version', 'version_comment', 'aurora_version', 'wsrep_on'],
  ...['innodb_flush_log_at_trx_commit', 'innodb_flush_method', 'innodb_doublewrite'],
  ...['log_bin', 'sync_binlog', 'read_only', 'super_read_only', 'innodb_read_only'],
]

const variablesQuery = `show global variables where variable_name in ('${examined.join("', '")}')`

const timeQuery = 'select cast(unix_timestamp(sysdate(6)) * 1000 as char) as now'

const otherEnginesQuery = `select table_name as name, engine from information_schema.tables
  where table_schema = database() and table_type = 'BASE TABLE' and engine <> 'InnoDB'
  order by 1 limit 1000`

/**
 * The ages of what may be prepared, youngest first: transactions without a session, which only what is
 * prepared can be, and those whose session is doing nothing. The server shows when they began in the
 * time zone of its system, whatever that of the session is.
 */
const agesQuery = `select trx_mysql_thread_id = 0 as detached, cast(timestampdiff(microsecond,
    trx_started, convert_tz(utc_timestamp(6), '+00:00', 'SYSTEM')) / 1000 as char) as age
  from information_schema.innodb_trx where trx_query is null order by trx_started desc`

/** Speak the protocol, or have the code, and keep XA in their own way or not at all. */
const variants = /tidb|vitess|planetscale|singlestore|memsql|oceanbase|polardb/i

/** Rejects where the server can't be reached. */
export async function diagnose(patient: MysqlPatient): Promise<Diagnosis> {
  return await patient.reserve.run((connection) => look(connection, patient))
}

async function look(connection: Asking, { settings, clock }: MysqlPatient): Promise<Diagnosis> {
  const variables = readVariables((await connection.send(variablesQuery)).rows)
  const version = readVersion(
    variables.get('version') ?? '',
    variables.get('version_comment') ?? '',
  )
  const current = await connection.send(currentDatabase)
  const listed = await list(connection, version, fieldOf(current, 'name') ?? '')
  const account = fieldOf(current, 'account') ?? ''
  const aged = await listAges(connection)
  const engines = (await connection.send(otherEnginesQuery)).rows
  return {
    product: `${flavourNames[version.flavour]} ${version.text}`,
    findings: [
      ...judgeServer(version, variables),
      ...judgeDurability(variables, settings),
      ...('cause' in listed && !settings.lastResource ? [hidden(listed.cause, account)] : []),
      ...('cause' in aged ? [agesHidden(aged.cause, account)] : []),
      ...judgeEngines(engines),
    ],
    clock: await compareClocks(clock, async () => {
      return Number(fieldOf(await connection.send(timeQuery), 'now') ?? Number.NaN)
    }),
    room: undefined, // as many as there are connections
    undated: 'prepared' in listed && 'ages' in aged ? undatedOf(listed, aged.ages) : undefined,
    prepared: 'cause' in listed ? undefined : listed.prepared,
    preparedQuery:
      version.flavour === 'mysql' ? 'xa recover convert xid;' : "xa recover format='sql';",
    present: [], // sessions tell nothing of who opened them
  }
}

type Listed =
  | {
      readonly prepared: readonly PreparedBranch[]
      /** How many there are besides, of Assent's at other databases of the server. */
      readonly elsewhere: number
    }
  /** The account may not see them. */
  | { readonly cause: unknown }

/** Those of this database, and of other programs; a server lists those of all its databases. */
async function list(connection: Asking, version: Version, database: string): Promise<Listed> {
  try {
    const { rows } = await connection.send(recoverXids(version.flavour))
    const prepared = rows.map(readXid).flatMap((xid) => {
      const id = branchIdOf(xid, database)
      if (id === undefined && isOfAssent(xid)) return []
      return [{ id: id ?? shownXid(xid), preparedAtMs: undefined }]
    })
    return { prepared, elsewhere: rows.length - prepared.length }
  } catch (cause) {
    if (numberOf(cause) !== errors.accessDenied) throw cause
    return { cause }
  }
}

interface Age {
  readonly isDetached: boolean
  readonly ageMs: number
}

/** Only an account with the right PROCESS is told. */
async function listAges(
  connection: Asking,
): Promise<{ readonly ages: readonly Age[] } | { readonly cause: unknown }> {
  try {
    const { rows } = await connection.send(agesQuery)
    return {
      ages: rows.map(({ detached, age }) => ({
        isDetached: Number(detached) === 1,
        ageMs: Number(age),
      })),
    }
  } catch (cause) {
    if (numberOf(cause) !== errors.accessDenied) throw cause
    return { cause }
  }
}

/**
 * How old the oldest of all that is prepared is, at least. What has no session is exact. Of the rest
 * it is not told which sessions have prepared, but how many: if two have, and three are open and do
 * nothing, then one of the two is no younger than the second youngest of the three.
 */
function undatedOf(
  { prepared, elsewhere }: Extract<Listed, { readonly prepared: unknown }>,
  ages: readonly Age[],
): UndatedBranches {
  const detached = ages.filter(({ isDetached }) => isDetached)
  const living = ages.filter(({ isDetached }) => !isDetached)
  const livingPrepared = prepared.length + elsewhere - detached.length
  const oldest = [detached.at(-1), living[Math.min(livingPrepared, living.length) - 1]]
  const known = oldest.flatMap((each) => each?.ageMs ?? [])
  return { elsewhere, oldestAgeMs: known.length === 0 ? undefined : Math.max(...known) }
}

function judgeServer(version: Version, variables: Variables): ReportedFinding[] {
  const found: ReportedFinding[] = []
  const { flavour, text } = version
  if (isTooOld(version)) {
    const oldest = oldestVersions[flavour].text
    const name = flavourNames[flavour]
    found.push({
      id: 'server-too-old',
      found: `${name} ${text}; ${oldest} is the oldest that will do`,
    })
  }
  const calls = `${text} ${variables.get('version_comment') ?? ''}`.trim()
  const aurora = variables.get('aurora_version')
  if (variants.test(calls) || aurora !== undefined || isOn(variables, 'wsrep_on')) {
    const kind = aurora !== undefined ? ', and is Aurora' : ''
    const cluster = isOn(variables, 'wsrep_on') ? ', in a Galera cluster (wsrep_on)' : ''
    found.push({ id: 'server-variant', found: `it calls itself ${calls}${kind}${cluster}` })
  }
  const closed = ['read_only', 'super_read_only', 'innodb_read_only'].find((name) =>
    isOn(variables, name),
  )
  if (closed !== undefined) {
    const command = `set global ${closed} = 0; -- where it is no replica`
    found.push({ id: 'server-in-recovery', found: `${closed} is on`, command })
  }
  return found
}

/** What check() refuses is an error here, and what it lets pass by an option is none. */
function judgeDurability(variables: Variables, settings: Settings): ReportedFinding[] {
  const found: ReportedFinding[] = []
  const flush = variables.get('innodb_flush_log_at_trx_commit')
  if (flush !== undefined && flush !== '1') {
    found.push({
      id: unforced('fsync-off', 'unflushed-log', settings),
      found: `innodb_flush_log_at_trx_commit is ${flush}`,
      command: 'set global innodb_flush_log_at_trx_commit = 1; -- and in the configuration',
    })
  }
  const method = variables.get('innodb_flush_method') ?? ''
  if (/^(?:nosync|littlesync)$/i.test(method)) {
    found.push({
      id: unforced('fsync-off', 'unflushed-log', settings),
      found: `innodb_flush_method is ${method}`,
      command: 'innodb_flush_method = fsync  # under [mysqld] in my.cnf; restart the server',
    })
  }
  const sync = variables.get('sync_binlog')
  if (isOn(variables, 'log_bin') && sync !== '1') {
    found.push({
      id: unforced('binary-log-unforced', 'unsynced-binlog', settings),
      found: `the binary log is on, and sync_binlog is ${sync}`,
      command: 'set global sync_binlog = 1; -- and in the configuration',
    })
  }
  if (/^(?:off|0|detect_only)$/i.test(variables.get('innodb_doublewrite') ?? '')) {
    found.push({
      id: 'pages-unprotected',
      found: `innodb_doublewrite is ${variables.get('innodb_doublewrite')}`,
      command: 'innodb_doublewrite = ON  # in the configuration; restart the server',
    })
  }
  return found
}

function unforced(
  id: 'fsync-off' | 'binary-log-unforced',
  danger: MysqlDanger,
  { allowed, lastResource }: Settings,
): ReportedFinding['id'] {
  if (allowed.has(danger)) return 'danger-accepted'
  return lastResource ? 'last-resource-unforced' : id
}

function agesHidden(cause: unknown, account: string): ReportedFinding {
  return {
    id: 'ages-hidden',
    found: `the account ${account} may not read information_schema.innodb_trx: ${messageOf(cause)}`,
    command: `grant process on *.* to ${granteeOf(account)};`,
  }
}

function hidden(cause: unknown, account: string): ReportedFinding {
  return {
    id: 'prepared-hidden',
    found: `the account ${account} may not run XA RECOVER: ${messageOf(cause)}`,
    command: `grant XA_RECOVER_ADMIN on *.* to ${granteeOf(account)};`,
  }
}

function judgeEngines(rows: readonly Readonly<Record<string, unknown>>[]): ReportedFinding[] {
  const [first] = rows
  if (first === undefined) return []
  const shown = rows.slice(0, 5).map(({ name, engine }) => `${String(name)} (${String(engine)})`)
  const more = rows.length > shown.length ? ` and ${rows.length - shown.length} more` : ''
  const quoted = `\`${String(first.name).replaceAll('`', '``')}\``
  return [
    {
      id: 'tables-not-transactional',
      found: `${rows.length} of its tables are not InnoDB: ${shown.join(', ')}${more}`,
      command: `alter table ${quoted} engine = InnoDB;`,
    },
  ]
}

function isOn(variables: Variables, name: string): boolean {
  return /^(?:on|1|yes)$/i.test(variables.get(name) ?? '')
}

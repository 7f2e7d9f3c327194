/**
 * What the doctor asks of a MariaDB or MySQL server, on a connection of our own: it reads variables
 * and system tables, and changes nothing.
 */
import { messageOf } from '../../core/errors.ts'
import type { ReportedFinding } from '../../core/findings.ts'
import type { Clock } from '../../core/ports.ts'
import type { Diagnosis, PreparedBranch } from '../contract.ts'
import { compareClocks } from '../sql/clock.ts'
import { type Asking, fieldOf } from './asking.ts'
import { errors, numberOf } from './failures.ts'
import type { Settings } from './options.ts'
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

/** Of transactions whose session is gone: only what is prepared can be so. */
const detachedQuery = `select cast(min(unix_timestamp(trx_started)) * 1000 as char) as since
  from information_schema.innodb_trx where trx_mysql_thread_id = 0`

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
  const engines = (await connection.send(otherEnginesQuery)).rows
  return {
    product: `${flavourNames[version.flavour]} ${version.text}`,
    findings: [
      ...judgeServer(version, variables),
      ...judgeDurability(variables, settings),
      ...('cause' in listed ? [hidden(listed.cause, fieldOf(current, 'account') ?? '')] : []),
      ...judgeEngines(engines),
    ],
    clock: await compareClocks(clock, async () => {
      return Number(fieldOf(await connection.send(timeQuery), 'now') ?? Number.NaN)
    }),
    room: undefined, // as many as there are connections
    oldestDetachedMs: await oldestDetached(connection),
    prepared: 'cause' in listed ? undefined : listed.prepared,
    preparedQuery:
      version.flavour === 'mysql' ? 'xa recover convert xid;' : "xa recover format='sql';",
    present: [], // sessions tell nothing of who opened them
  }
}

type Listed =
  | { readonly prepared: readonly PreparedBranch[] }
  /** The account may not see them. */
  | { readonly cause: unknown }

/** Those of this database, and of other programs; a server lists those of all its databases. */
async function list(connection: Asking, version: Version, database: string): Promise<Listed> {
  try {
    const { rows } = await connection.send(recoverXids(version.flavour))
    return {
      prepared: rows.map(readXid).flatMap((xid) => {
        const id = branchIdOf(xid, database)
        if (id === undefined && isOfAssent(xid)) return []
        return [{ id: id ?? shownXid(xid), preparedAtMs: undefined }]
      }),
    }
  } catch (cause) {
    if (numberOf(cause) !== errors.accessDenied) throw cause
    return { cause }
  }
}

/** Undefined where the account may not look (PROCESS), or nothing is detached. */
async function oldestDetached(connection: Asking): Promise<number | undefined> {
  try {
    const since = Number(fieldOf(await connection.send(detachedQuery), 'since') ?? Number.NaN)
    return Number.isFinite(since) ? since : undefined
  } catch (cause) {
    if (numberOf(cause) !== errors.accessDenied) throw cause
    return undefined
  }
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

function judgeDurability(
  variables: Variables,
  { allowed, lastResource }: Settings,
): ReportedFinding[] {
  const found: ReportedFinding[] = []
  const flush = variables.get('innodb_flush_log_at_trx_commit')
  if (flush !== undefined && flush !== '1') {
    const isAccepted = allowed.has('unflushed-log')
    const what = `innodb_flush_log_at_trx_commit is ${flush}`
    found.push({
      id: isAccepted ? 'danger-accepted' : 'fsync-off',
      found: isAccepted ? `${what}, and allowUnsafe names 'unflushed-log'` : what,
      command: 'set global innodb_flush_log_at_trx_commit = 1; -- and in the configuration',
    })
  }
  if (/^nosync$/i.test(variables.get('innodb_flush_method') ?? '')) {
    found.push({ id: 'fsync-off', found: 'innodb_flush_method is nosync' })
  }
  const sync = variables.get('sync_binlog')
  if (isOn(variables, 'log_bin') && sync !== '1') {
    const isAccepted = allowed.has('unsynced-binlog') || lastResource
    const what = `the binary log is on, and sync_binlog is ${sync}`
    found.push({
      id: isAccepted ? 'danger-accepted' : 'binary-log-unforced',
      found: isAccepted ? `${what}, which was accepted` : what,
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

function hidden(cause: unknown, account: string): ReportedFinding {
  const grantee = account.replace(/^(.*)@(.*)$/, "'$1'@'$2'")
  return {
    id: 'prepared-hidden',
    found: `the account ${account} may not run XA RECOVER: ${messageOf(cause)}`,
    command: `grant XA_RECOVER_ADMIN on *.* to ${grantee};`,
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

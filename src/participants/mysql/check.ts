/**
 * Whether a database can keep the promise of a prepared branch (A5), asked on a connection of our own.
 */
import { messageOf } from '../../core/errors.ts'
import type { ParticipantPorts, ResourceCheck } from '../contract.ts'
import { within } from '../sql/deadline.ts'
import type { Identity } from '../sql/identity.ts'
import type { IsolationLevel } from '../sql/isolation.ts'
import { type Asking, fieldOf } from './asking.ts'
import type { MysqlPool } from './driver.ts'
import { errors, numberOf } from './failures.ts'
import { type Horizon, readPosition } from './horizon.ts'
import { fingerprintOf, readFingerprint } from './identity.ts'
import { readIsolation, type Settings } from './options.ts'
import type { Reserve } from './reserve.ts'
import {
  type Database,
  flavourNames,
  isTooOld,
  oldestVersions,
  readVariables,
  readVersion,
  type Version,
} from './server.ts'
import { takeSession } from './session.ts'
import { currentDatabase, killQuery, recoverXids, survey } from './sql.ts'

export interface Examined {
  readonly check: ResourceCheck
  /** Known once the database is ready. */
  readonly found:
    | {
        readonly database: Database
        /** What transactions get that ask for no isolation. */
        readonly isolation: IsolationLevel
      }
    | undefined
}

export interface Examination {
  readonly pool: MysqlPool<unknown>
  readonly reserve: Reserve
  readonly horizon: Horizon
  readonly identity: Identity
  readonly settings: Settings
  readonly ports: ParticipantPorts
}

type Refusal = ResourceCheck & { readonly status: 'refused' }
type Variables = ReadonlyMap<string, string>

/** Never rejects; bounded by the reserve's limits. */
export async function examine(examination: Examination): Promise<Examined> {
  try {
    return await examination.reserve.run((connection) => look(connection, examination))
  } catch (cause) {
    return { check: { status: 'unavailable', cause }, found: undefined }
  }
}

async function look(connection: Asking, examination: Examination): Promise<Examined> {
  const { identity, settings } = examination
  const variables = readVariables((await connection.send(survey)).rows)
  const version = readVersion(
    variables.get('version') ?? '',
    variables.get('version_comment') ?? '',
  )
  const current = await connection.send(currentDatabase)
  const account = fieldOf(current, 'account') ?? ''
  const refusal =
    judge(version, variables, settings) ??
    (await tryRecover(connection, version, account, settings))
  if (refusal !== undefined) return refusing(refusal)
  const readOnly = ['read_only', 'super_read_only', 'innodb_read_only'].find((name) =>
    /^(?:on|1|yes)$/i.test(variables.get(name) ?? ''),
  )
  if (readOnly !== undefined) {
    const cause = new Error(`${readOnly} is on: a replica, or a server that was closed to writing`)
    return { check: { status: 'unavailable', cause }, found: undefined }
  }
  const name = fieldOf(current, 'name') ?? ''
  const fingerprint = fingerprintOf(variables, name, settings)
  const divergence =
    settings.recovery === undefined
      ? undefined
      : await compareWithPool(connection, fingerprint, examination)
  if (divergence !== undefined) return refusing(divergence)
  identity.establish(fingerprint)
  examination.horizon.note(await readPosition(connection))
  const isolation = variables.get('transaction_isolation') ?? variables.get('tx_isolation')
  return {
    check: { status: 'ready', fingerprint, preparedLimit: undefined },
    found: {
      database: { flavour: version.flavour, name },
      isolation: readIsolation(isolation ?? 'repeatable read'),
    },
  }
}

function judge(version: Version, variables: Variables, settings: Settings): Refusal | undefined {
  const { flavour, text } = version
  if (isTooOld(version)) {
    const why = 'older servers lose prepared branches with the connection'
    return refuse(
      `the server is ${flavourNames[flavour]} ${text}`,
      `Use ${oldestVersions[flavour].text} or newer; ${why}, or are out of support.`,
    )
  }
  if (/tidb/i.test(text)) {
    return refuse(`the server is TiDB (${text}), which has no XA transactions`, lastResourceCure)
  }
  const flush = variables.get('innodb_flush_log_at_trx_commit')
  if (flush === undefined) {
    return refuse('InnoDB is not available', 'Start the server with InnoDB.')
  }
  if (settings.lastResource) return undefined
  if (isOn(variables, 'wsrep_on')) {
    return refuse('Galera is on (wsrep_on), which has no XA transactions', lastResourceCure)
  }
  if (flush !== '1' && !settings.allowed.has('unflushed-log')) {
    return refuse(
      `innodb_flush_log_at_trx_commit is ${flush}, so a crash of the server or its machine can ` +
        'lose what it said it had prepared',
      'Run SET GLOBAL innodb_flush_log_at_trx_commit = 1 and put it into the configuration; or pass ' +
        "`allowUnsafe: ['unflushed-log']` where losing data is accepted.",
    )
  }
  const method = variables.get('innodb_flush_method') ?? ''
  if (/^(?:nosync|littlesync)$/i.test(method) && !settings.allowed.has('unflushed-log')) {
    return refuse(
      `innodb_flush_method is ${method}, so the server does not have its files written to the disk, ` +
        'and a crash of its machine can lose what it said it had prepared',
      'Take innodb_flush_method out of the configuration (or set it to fsync) and restart the server; ' +
        "or pass `allowUnsafe: ['unflushed-log']` where losing data is accepted.",
    )
  }
  const sync = variables.get('sync_binlog')
  const isLogged = isOn(variables, 'log_bin')
  if (isLogged && sync !== '1' && !settings.allowed.has('unsynced-binlog')) {
    return refuse(
      `the binary log is on and sync_binlog is ${sync}, so a crash of the machine can lose what the ` +
        'server said it had prepared',
      'Run SET GLOBAL sync_binlog = 1 and put it into the configuration; or pass ' +
        "`allowUnsafe: ['unsynced-binlog']` where losing data is accepted.",
    )
  }
  return undefined
}

const lastResourceCure =
  'Pass `lastResource: true`, for at most one such database in a transaction.'

function isOn(variables: Variables, name: string): boolean {
  return /^(?:on|1)$/i.test(variables.get(name) ?? '')
}

/** Recovery has to see prepared branches, for which MySQL asks a privilege of its own (MY-9). */
async function tryRecover(
  connection: Asking,
  { flavour }: Version,
  account: string,
  settings: Settings,
): Promise<Refusal | undefined> {
  if (settings.lastResource) return undefined
  try {
    await connection.send(recoverXids(flavour))
    return undefined
  } catch (error) {
    if (numberOf(error) !== errors.accessDenied) throw error
    return refuse(
      `the account ${account} may not see prepared branches: ${messageOf(error)}`,
      `Run GRANT XA_RECOVER_ADMIN ON *.* TO ${granteeOf(account)}.`,
    )
  }
}

/** The connections of our own come from elsewhere: they must reach what the pool reaches. */
async function compareWithPool(
  connection: Asking,
  fingerprint: string,
  { pool, ports, settings }: Examination,
): Promise<Refusal | undefined> {
  const { answerTimeoutMs } = settings
  const session = await takeSession(pool, ports, answerTimeoutMs)
  try {
    const asking = (async () => ({
      inPool: await readFingerprint(session, settings),
      thread: fieldOf(await session.send('select connection_id() as thread'), 'thread'),
    }))()
    const { inPool, thread } = await within(
      ports.timers,
      answerTimeoutMs,
      'an answer of the server',
      asking,
    )
    if (inPool !== fingerprint) {
      return refuse(
        `the pool reaches ${inPool}, and its \`recovery\` reaches ${fingerprint}`,
        'Point both at the same database of the same server.',
      )
    }
    return await tryKill(connection, Number(thread))
  } finally {
    // It was told that its statement is to end, which the next user must not meet.
    session.destroy(new Error('a connection that served the check'))
  }
}

/** Whether the account of `recovery` may end the sessions of the pool's. */
async function tryKill(connection: Asking, thread: number): Promise<Refusal | undefined> {
  try {
    await connection.send(killQuery(thread))
    return undefined
  } catch (error) {
    if (numberOf(error) === undefined) throw error
    const own = await connection.send('select current_user() as account, version() as version')
    const { flavour } = readVersion(fieldOf(own, 'version') ?? '', '')
    const right = flavour === 'mariadb' ? 'CONNECTION ADMIN' : 'CONNECTION_ADMIN'
    return refuse(
      `the account of \`recovery\` may not end sessions of the pool: ${messageOf(error)}`,
      `Run GRANT ${right} ON *.* TO ${granteeOf(fieldOf(own, 'account') ?? '')}; or connect both ` +
        'with the same account.',
    )
  }
}

/** An account as GRANT takes it. */
export function granteeOf(account: string): string {
  return account.replace(/^(.*)@(.*)$/, "'$1'@'$2'")
}

function refuse(problem: string, cure: string): Refusal {
  return { status: 'refused', problem, cure }
}

function refusing(check: Refusal): Examined {
  return { check, found: undefined }
}

/**
 * The statements that we run ourselves, as texts.
 *
 * Where several belong together, MariaDB takes them written at once, or as one compound statement,
 * which stops at the first that fails; MySQL knows no such outside procedures, and is sent one by one.
 */
import type { Decision } from '../../core/decision.ts'
import type { IsolationLevel } from '../sql/isolation.ts'
import { savepointPrefix } from '../sql/plans.ts'
import type { Flavour } from './server.ts'

/**
 * How several texts reach the server: written at once, where each is run whatever became of those
 * before it; as one compound statement; or each when the one before it was answered.
 */
export type Sending = 'at-once' | 'compound' | 'one-by-one'

/** What has to be sent, in order. */
function together(sending: Sending, statements: readonly string[]): readonly string[] {
  if (sending !== 'compound' || statements.length === 1) return statements
  return [`begin not atomic ${statements.join('; ')}; end`]
}

/** What a branch sets, or what the session had before, by the names of its variables; as SQL. */
export type SessionValues = Readonly<Record<string, number | string>>

export interface Modes {
  readonly isolation: IsolationLevel
  readonly readOnly: boolean
}

export function setValues(values: SessionValues): string[] {
  const assignments = Object.entries(values).map(([name, value]) => `${name} = ${value}`)
  return assignments.length === 0 ? [] : [`set session ${assignments.join(', ')}`]
}

/** How a branch is opened: as an XA transaction, or as a plain one that can't prepare. */
export interface BranchOpening {
  readonly sending: Sending
  /** Undefined for a plain transaction. */
  readonly xid: string | undefined
  readonly isolation: IsolationLevel
  readonly readOnly: boolean
  readonly limits: SessionValues
  /** Whether the session may stand in a transaction that nobody began. */
  readonly isAutocommitOff: boolean
}

/** Set first of all in a plain transaction, and so there for as long as that is: see `ending.ts`. */
const firstSavepoint = `${savepointPrefix}first`

export function openBranch(opening: BranchOpening): readonly string[] {
  const { sending, xid, isolation, readOnly, limits, isAutocommitOff } = opening
  const access = readOnly ? 'read only' : 'read write'
  return together(sending, [
    ...setValues(limits),
    ...(isAutocommitOff ? ['rollback'] : []),
    `set transaction isolation level ${isolation}, ${access}`,
    ...(xid === undefined
      ? ['start transaction', `savepoint ${firstSavepoint}`]
      : [`xa start ${xid}`]),
  ])
}

/**
 * The settings of a branch on MariaDB, and the modes of the transaction that comes next: what is set
 * by `@@name` is for that one only.
 */
export function settleSession(settings: SessionValues, modes: Modes | undefined): string[] {
  const assignments = Object.entries(settings).map(([name, value]) => `session ${name} = ${value}`)
  if (modes !== undefined) {
    const level = modes.isolation.replace(' ', '-').toUpperCase()
    assignments.push(`@@tx_isolation = '${level}'`, `@@tx_read_only = ${modes.readOnly ? 1 : 0}`)
  }
  return assignments.length === 0 ? [] : [`set ${assignments.join(', ')}`]
}

export function startXa(xid: string): string {
  return `xa start ${xid}`
}

const voteSavepoint = `${savepointPrefix}vote`

/**
 * Returns to a savepoint that was just set, which changes nothing, and makes MariaDB warn (1196) where
 * the transaction wrote to a table that has no transactions (MY-8). MySQL would be asked twice more.
 */
function sound(sending: Sending): string[] {
  if (sending === 'one-by-one') return []
  return [`savepoint ${voteSavepoint}`, `rollback to savepoint ${voteSavepoint}`]
}

/**
 * Ends and prepares. Sent at once it is sound as well: where XA END fails, XA PREPARE is refused.
 * A compound statement gives the session its own limits back on the way.
 */
export function prepareBranch(
  sending: Sending,
  xid: string,
  own: SessionValues,
): readonly string[] {
  const restore = sending === 'compound' ? setValues(own) : []
  return together(sending, [...restore, ...sound(sending), `xa end ${xid}`, `xa prepare ${xid}`])
}

/** Commits; of a plain transaction no other than the one that was begun. */
export function commitOnePhase(sending: Sending, xid: string | undefined): readonly string[] {
  if (xid === undefined) return together(sending, [`release savepoint ${firstSavepoint}`, 'commit'])
  return together(sending, [`xa end ${xid}`, `xa commit ${xid} one phase`])
}

/**
 * Rolls back whatever state the branch is in. A branch that the server rolled back itself refuses XA
 * END (MY-5), and one that was ended already does, too: what counts is the answer to XA ROLLBACK.
 */
export function rollBackOpen(sending: Sending, xid: string | undefined): readonly string[] {
  if (xid === undefined) {
    return together(sending, [`rollback to savepoint ${firstSavepoint}`, 'rollback'])
  }
  if (sending !== 'compound') return [`xa end ${xid}`, `xa rollback ${xid}`]
  const end = `begin declare continue handler for sqlexception begin end; xa end ${xid}; end`
  return [`begin not atomic ${end}; xa rollback ${xid}; end`]
}

/** Returns to a savepoint of ours; it stays until the transaction ends, and does no harm. */
export function undoSavepoint(name: string): string {
  return `rollback to savepoint ${name}`
}

export function finishPrepared(xid: string, decision: Decision): string {
  return `xa ${decision === 'committed' ? 'commit' : 'rollback'} ${xid}`
}

/** MySQL shows xids as text unless it is asked for their bytes. */
export function recoverXids(flavour: Flavour): string {
  return flavour === 'mysql' ? 'xa recover convert xid' : 'xa recover'
}

/** Rolls back whatever transaction is open. */
export const rollBackAny = 'rollback'

export const showWarnings = 'show warnings'

/** What a branch wants to know of a session that it sees for the first time. */
export function learnSession(flavour: Flavour): string {
  const own =
    flavour === 'mariadb'
      ? `@@max_statement_time as statement, @@idle_transaction_timeout as idle,
  @@tx_isolation as isolation, @@tx_read_only as readOnly`
      : '@@max_execution_time as statement, 0 as idle'
  return `select connection_id() as thread, unix_timestamp() as now,
  @@innodb_lock_wait_timeout as lockWait, @@lock_wait_timeout as metadataWait, @@autocommit as autocommit,
  @@session_track_system_variables as trackedVariables, @@session_track_state_change as trackedState, ${own}`
}

/** For how many seconds the server has been up. */
export const showUptime = `show global status like 'Uptime'`

/** The position of the redo log, by MariaDB's name and by MySQL's (8.0.30). */
export const showPosition = `show global status where variable_name in
  ('Innodb_lsn_current', 'Innodb_redo_log_current_lsn')`

const surveyed = [
  ...['version', 'version_comment', 'server_uid', 'server_uuid', 'hostname', 'port', 'datadir'],
  ...[
    'innodb_flush_log_at_trx_commit',
    'innodb_flush_method',
    'log_bin',
    'sync_binlog',
    'innodb_read_only',
  ],
  ...['read_only', 'super_read_only', 'wsrep_on', 'default_storage_engine'],
  ...['tx_isolation', 'transaction_isolation'],
]

/** What `check` wants to know; variables that the server does not have are left out of the answer. */
export const survey: string = `show global variables where variable_name in ('${surveyed.join("', '")}')`

/** Which server and database a connection reaches. */
export const identity = `show global variables where variable_name in
  ('version', 'version_comment', 'server_uid', 'server_uuid', 'hostname', 'port', 'datadir')`
export const currentDatabase = 'select database() as name, current_user() as account'

/** Ends a connection by its number; the server answers 1094 when there is none. */
export function killConnection(thread: number): string {
  return `kill connection ${thread}`
}

/** Ends what a connection runs; the same right, and harmless where it runs nothing. */
export function killQuery(thread: number): string {
  return `kill query ${thread}`
}

/** What a connection of our own relies on, for its whole life. */
export function setUpOwn(flavour: Flavour, limitMs: number): string {
  const seconds = Math.max(1, Math.ceil(limitMs / 1000))
  const statement = flavour === 'mariadb' ? `, max_statement_time = ${seconds}` : ''
  const waits = `innodb_lock_wait_timeout = ${seconds}, lock_wait_timeout = ${seconds}`
  return `set session autocommit = 1, ${waits}${statement}`
}

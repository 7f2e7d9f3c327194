/**
 * The statements that we run ourselves, as texts.
 *
 * What a text relies on it sets itself (isolation, access, durability): a pooled connection may have
 * inherited anything. Names are qualified, because a search path may hide the built-in ones; values
 * come back as text, because a user's type parsers may turn numbers into anything.
 */
import type { Decision } from '../../core/decision.ts'
import type { LogOwner } from '../contract.ts'
import { savepointPrefix } from '../sql/plans.ts'
import type { IsolationLevel } from './options.ts'
import type { OwnStatement } from './own-query.ts'

/** Returns to a savepoint and is done with it. */
export function undoSavepoint(name: string): string {
  return `rollback to savepoint ${name}; release savepoint ${name}`
}

/** Values of `synchronous_commit` with which an acknowledged write is a durable one. */
export const durableLevels: readonly string[] = ['on', 'remote_apply']

/** Raises `synchronous_commit` to `on` where it is weaker, for the transaction or the session. */
export function durable(scope: 'transaction' | 'session'): string {
  return `pg_catalog.set_config('synchronous_commit',
  case pg_catalog.current_setting('synchronous_commit') when 'remote_apply' then 'remote_apply'
  else 'on' end, ${scope === 'transaction'})`
}

/** Begins with explicit modes. */
export function beginWith(isolation: IsolationLevel, readOnly: boolean): string {
  return `begin isolation level ${isolation} ${readOnly ? 'read only' : 'read write'}`
}

/** The same, for a session that keeps it. */
export function ownBegin(isolation: IsolationLevel, readOnly: boolean): OwnStatement {
  return (readOnly ? beginsToRead : beginsToWrite)[isolation]
}

const beginsToRead = beginsOf(true)
const beginsToWrite = beginsOf(false)

function beginsOf(readOnly: boolean): Record<IsolationLevel, OwnStatement> {
  const begin = (isolation: IsolationLevel): OwnStatement => {
    const own = beginWith(isolation, readOnly)
    return { own, name: `assent_${own.replaceAll(' ', '_')}`, isConstant: true }
  }
  return {
    'read uncommitted': begin('read uncommitted'),
    'read committed': begin('read committed'),
    'repeatable read': begin('repeatable read'),
    serializable: begin('serializable'),
  }
}

/**
 * Behind a BEGIN in one message: what can't be taken for granted of a session that was seen before,
 * with the transaction's `xid` where it is to get one, and its limits (`$1` to `$3`, in
 * milliseconds). One column: a driver takes its time over each.
 */
export function settleSession(limits: readonly string[], takesXid: boolean): OwnStatement {
  return { ...(takesXid ? settlingWithXid : settling), values: limits, isConstant: true }
}

const settling = { own: settlingOf(''), name: 'assent_settle_1' }
const settlingWithXid = {
  own: settlingOf('pg_catalog.pg_current_xact_id(), '),
  name: 'assent_settle_xid_1',
}

function settlingOf(more: string): string {
  return `select pg_catalog.concat_ws(' ',
  pg_catalog.pg_backend_pid(), pg_catalog.current_setting('synchronous_commit'), ${more}
  pg_catalog.set_config('lock_timeout', $1, true),
  pg_catalog.set_config('statement_timeout', $2, true),
  pg_catalog.set_config('idle_in_transaction_session_timeout', $3, true),
  ${durable('transaction')})`
}

/** What can't be taken for granted of a session that was seen before. */
export const askSession = `select pg_catalog.pg_backend_pid()::text as pid,
  pg_catalog.current_setting('synchronous_commit') as durability`

/** What there is to learn of a session that was not: its limits, in milliseconds, 0 for none. */
export const learnSession: string = `select ${[
  'pg_catalog.pg_backend_pid()::text as pid',
  `pg_catalog.current_setting('synchronous_commit') as durability`,
  `(select extract(epoch from backend_start)::text from pg_catalog.pg_stat_activity
    where pid = pg_catalog.pg_backend_pid()) as started`,
  limitOf('lock_timeout', 'lock'),
  limitOf('statement_timeout', 'statement'),
  limitOf('idle_in_transaction_session_timeout', 'idle'),
].join(', ')}`

function limitOf(name: string, as: string): string {
  const seconds = `extract(epoch from pg_catalog.current_setting('${name}')::interval)`
  return `(${seconds} * 1000)::bigint::text as ${as}`
}

const setLock = `savepoint ${savepointPrefix}vote`

/**
 * Prepares, in one round trip, and answers the transaction's `xid`.
 *
 * The savepoint is the lock on the door: outside a transaction block several statements in one text
 * form a block of their own, which PREPARE TRANSACTION would prepare, empty, with the very tag that
 * is our proof (A5). SAVEPOINT alone is refused there.
 */
export function prepareBranch(id: string, raise: DurabilityRaise): string {
  return `${setLock}; ${assignXid(raise)}; ${prepareTransaction(id)}`
}

/** Gives the transaction its `xid`, and answers it. */
export function assignXid(raise: DurabilityRaise): string {
  const raised = raise === 'none' ? '' : `${durable(raise)}, `
  return `select ${raised}pg_catalog.pg_current_xact_id()::text as value`
}

/** The same, for a session that keeps it. */
export function ownXid(raise: DurabilityRaise): OwnStatement {
  return xids[raise]
}

const xids: Record<DurabilityRaise, OwnStatement> = {
  none: { own: assignXid('none'), name: 'assent_xid_1', isConstant: true },
  transaction: {
    own: assignXid('transaction'),
    name: 'assent_xid_transaction_1',
    isConstant: true,
  },
  session: { own: assignXid('session'), name: 'assent_xid_session_1', isConstant: true },
}

/** Stands before PREPARE or COMMIT where it is not known that a transaction is open: see above. */
export const lockOnTheDoor: OwnStatement = { own: setLock }

export function prepareTransaction(id: string): string {
  return `prepare transaction '${id}'`
}

/** Commits without a vote; the savepoint as above, or an empty block's COMMIT would look like ours. */
export function commitBranch(raise: DurabilityRaise): string {
  const raised = raise === 'none' ? '' : `select ${durable('transaction')}; `
  return `${setLock}; ${raised}commit`
}

/** Raises durability for the transaction. */
export const raiseForCommit: OwnStatement = {
  own: `select ${durable('transaction')}`,
  name: 'assent_durable_1',
  isConstant: true,
}

/** Where durability has to be raised before the vote; phase 2 needs it beyond the transaction. */
export type DurabilityRaise = 'none' | 'transaction' | 'session'

/**
 * Whether the transaction may have done anything: an assigned xid, or a lock that others can notice.
 * Readers' locks on relations, and those of SERIALIZABLE's bookkeeping, don't count.
 */
export const didAnything = `select (
  pg_catalog.pg_current_xact_id_if_assigned() is not null
  or exists (
    select from pg_catalog.pg_locks
    where pid = pg_catalog.pg_backend_pid()
      and (locktype = 'advisory'
        or (locktype in ('relation', 'object')
          and mode not in ('AccessShareLock', 'RowShareLock', 'SIReadLock'))))
)::text as did`

export function finishPrepared(id: string, decision: Decision): string {
  return `${decision === 'committed' ? 'commit' : 'rollback'} prepared '${id}'`
}

/** The fate of a prepared transaction's xid, and where we asked. */
export const fateOfXid = 'select pg_catalog.pg_xact_status($1::xid8) as status'

/** Who may finish it, and what SET ROLE says now, both as literals. */
export const ownerOfPrepared = `select pg_catalog.quote_literal(owner::text) as owner,
  pg_catalog.quote_literal(pg_catalog.current_setting('role')) as role
  from pg_catalog.pg_prepared_xacts where gid = $1 and database = pg_catalog.current_database()`

/** The same for every connection to this database, and for no other database. */
export const identity = `select
  (select system_identifier::text from pg_catalog.pg_control_system()) as system,
  (select oid::text from pg_catalog.pg_database
    where datname = pg_catalog.current_database()) as database`

/** What `check` wants to know, without any special right. */
export const survey = `select
  pg_catalog.current_setting('server_version_num') as version,
  pg_catalog.current_setting('server_version') as "versionName",
  pg_catalog.current_setting('max_prepared_transactions') as slots,
  pg_catalog.current_setting('max_connections') as connections,
  pg_catalog.current_setting('fsync') as fsync,
  pg_catalog.pg_is_in_recovery()::text as standby,
  current_user::text as role,
  (select reset_val from pg_catalog.pg_settings
    where name = 'default_transaction_isolation') as isolation`

/** Whether the current role may finish what `$1` prepared. */
export const mayFinishFor = `select (rolsuper or pg_catalog.pg_has_role(rolname, $1, 'MEMBER'))::text
  as may, pg_catalog.quote_ident($1::text) as role, pg_catalog.quote_ident(rolname::text) as own
  from pg_catalog.pg_roles where rolname = current_user`

export const listPrepared = `select gid, extract(epoch from prepared)::text as prepared
  from pg_catalog.pg_prepared_xacts where database = pg_catalog.current_database()`

/**
 * Ends the session that may still prepare, if it lives: the same pid, started at the same time (a
 * pid is used again). Answers a row while it is there. The time of a session that we may not look
 * into is null; then the pid has to do.
 */
export const endSessionOf = `select pg_catalog.pg_terminate_backend(pid)::text as ended
  from pg_catalog.pg_stat_activity
  where pid = $1::int and coalesce(extract(epoch from backend_start)::text = $2, true)`

/** Whether it is still there. */
export const findSession = `select pid::text as pid from pg_catalog.pg_stat_activity
  where pid = $1::int and coalesce(extract(epoch from backend_start)::text = $2, true)`

/** What sessions of our own are called, where the user gave no name: whose log they work for. */
export const presenceForm: RegExp = /^assent\.([a-z0-9-]{1,20})\.([0-9a-z]{13})$/

/** A name that the user gave is kept. */
function presenceOf(owner: LogOwner | undefined): string {
  const name = owner === undefined ? '' : `assent.${owner.installation}.${owner.log}`
  if (!presenceForm.test(name)) return ''
  return `select pg_catalog.set_config('application_name', '${name}', false)
  where pg_catalog.current_setting('application_name') = 'assent';`
}

/** What a connection of our own relies on, for its whole life. */
export function setUpOwn(limitMs: number, owner?: LogOwner): string {
  return `${presenceOf(owner)}
set statement_timeout = ${limitMs};
set lock_timeout = ${limitMs};
set default_transaction_read_only = off;
set default_transaction_isolation = 'read committed';
set default_transaction_deferrable = off;
select ${durable('session')}`
}

/** Triggers whose functions notify, to tell which table made a branch impossible to prepare. */
export const notifyingTriggers = `select t.tgname::text as trigger, c.relname::text as relation,
  p.proname::text as function
  from pg_catalog.pg_trigger t
  join pg_catalog.pg_class c on c.oid = t.tgrelid
  join pg_catalog.pg_proc p on p.oid = t.tgfoid
  where not t.tgisinternal and p.prosrc ~* 'notify' order by 2, 1 limit 200`

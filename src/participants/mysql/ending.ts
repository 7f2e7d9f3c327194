/**
 * Rolling a branch back on its own session, and what that proves.
 *
 * Keeps A6: only the answer to the rollback itself is proof; a session that does not answer is closed.
 * And A1 for a plain transaction (the last resource), in which the server lets everything pass: a
 * procedure may have committed it and begun another. So a savepoint is set first of all, and returned
 * to before the rollback, or released before the commit: it is there for as long as the transaction is.
 */
import type { Asking, Reply } from './asking.ts'
import { errors, isRolledBack, numberOf } from './failures.ts'
import { lastOf, type Session } from './session.ts'
import { rollBackAny, rollBackOpen, showWarnings } from './sql.ts'
import type { MysqlWork } from './work.ts'

export interface Ending {
  readonly session: Session
  /** Undefined for a transaction that can't prepare. */
  readonly xid: string | undefined
  readonly work: MysqlWork
}

export type RolledBack =
  | { readonly state: 'rolled-back'; readonly leftBehind: boolean }
  /** The server knows no such branch any more. */
  | { readonly state: 'gone' }
  /** It was ended before, and not by us; what it had done may be committed. */
  | { readonly state: 'ended-before' }

/** What a warning says of a transaction that wrote to tables without transactions (MY-8). */
const incompleteRollback = '1196'

/** Why a branch can't commit that wrote where nothing can be rolled back. */
export const untransactional: string =
  'the branch wrote to a table whose engine has no transactions (not InnoDB), which can not be rolled ' +
  'back: look at SHOW TABLE STATUS, and ALTER TABLE ... ENGINE = InnoDB; or a procedure or a prepared ' +
  'text of its work made or dropped a temporary table'

/** What is to be said of a transaction that was ended before its time. */
export function endedWithin({ endedBy, opaque }: MysqlWork): string {
  const culprit = endedBy ?? opaque
  const by = culprit === undefined ? '' : `, perhaps by: ${culprit}`
  return `the transaction was ended within the work${by}; what it had done may be committed`
}

/** Whether the work may have ended a plain transaction, and nobody is left to ask. */
export function mayHaveEndedUnseen(xid: string | undefined, work: MysqlWork): boolean {
  return xid === undefined && (work.opaque ?? work.endedBy) !== undefined
}

/** Rejects with whatever leaves it unknown whether the branch was rolled back. */
export async function rollBack(ending: Ending): Promise<RolledBack> {
  return ending.xid === undefined ? await rollBackPlain(ending) : await rollBackXa(ending)
}

async function rollBackPlain({ session, work }: Ending): Promise<RolledBack> {
  let reply: Reply | undefined
  try {
    for (const text of rollBackOpen(session.sending, undefined)) reply = await session.send(text)
  } catch (error) {
    if (numberOf(error) !== errors.unknownSavepoint) throw error
    reply = await session.send(rollBackAny)
    if (work.mayHaveBeenEnded) return { state: 'ended-before' }
  }
  return await readRollback(session, reply)
}

async function rollBackXa({ session, xid }: Ending): Promise<RolledBack> {
  try {
    return await readRollback(session, await endAndRollBack(session, xid))
  } catch (error) {
    if (isRolledBack(error)) return { state: 'rolled-back', leftBehind: false }
    if (numberOf(error) === errors.unknownXid) return { state: 'gone' }
    throw error
  }
}

/** The answer to XA ROLLBACK, whatever XA END was answered. */
async function endAndRollBack(session: Session, xid: string | undefined): Promise<Reply> {
  const texts = [...rollBackOpen(session.sending, xid)]
  if (session.sending === 'at-once') return lastOf((await session.commands(texts)).slice(-1))
  const last = texts.pop() ?? ''
  for (const text of texts) await session.send(text).catch(throwUnlessAnswered)
  return await session.send(last)
}

async function readRollback(session: Asking, reply: Reply | undefined): Promise<RolledBack> {
  const isWarned = (reply?.header?.warningStatus ?? 0) > 0
  return { state: 'rolled-back', leftBehind: isWarned && (await hasWrittenForGood(session)) }
}

/** Whether the last statement warned that tables without transactions keep what was written. */
export async function hasWrittenForGood(session: Asking): Promise<boolean> {
  const { rows } = await session.send(showWarnings)
  return rows.some((row) => String(row.Code) === incompleteRollback)
}

function throwUnlessAnswered(error: unknown): void {
  if (numberOf(error) === undefined) throw error
}

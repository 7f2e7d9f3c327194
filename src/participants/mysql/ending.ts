/**
 * Rolling a branch back on its own session, and what that proves.
 *
 * Keeps A6: only the answer to the rollback itself is proof; a session that does not answer is closed.
 */
import type { Asking } from './asking.ts'
import { errors, isRolledBack, numberOf } from './failures.ts'
import type { Flavour } from './server.ts'
import { rollBackOpen, showWarnings } from './sql.ts'

export interface Ending {
  readonly session: Asking
  readonly flavour: Flavour
  /** Undefined for a transaction that can't prepare. */
  readonly xid: string | undefined
}

/** `gone`: the server knows no such branch any more. */
export type RolledBack =
  | { readonly state: 'rolled-back'; readonly leftBehind: boolean }
  | { readonly state: 'gone' }

/** What a warning says of a transaction that wrote to tables without transactions (MY-8). */
const incompleteRollback = '1196'

/** Why a branch can't commit that wrote where nothing can be rolled back. */
export const untransactional: string =
  'the branch wrote to a table whose engine has no transactions (not InnoDB); what it wrote there ' +
  'can not be rolled back: look at SHOW TABLE STATUS, and ALTER TABLE ... ENGINE = InnoDB'

/** Rejects with whatever leaves it unknown whether the branch was rolled back. */
export async function rollBack({ session, flavour, xid }: Ending): Promise<RolledBack> {
  const texts = [...rollBackOpen(flavour, xid)]
  const last = texts.pop() ?? ''
  for (const text of texts) await session.send(text).catch(throwUnlessAnswered)
  try {
    const { header } = await session.send(last)
    const isWarned = (header?.warningStatus ?? 0) > 0
    return { state: 'rolled-back', leftBehind: isWarned && (await hasWrittenForGood(session)) }
  } catch (error) {
    if (isRolledBack(error)) return { state: 'rolled-back', leftBehind: false }
    if (numberOf(error) === errors.unknownXid) return { state: 'gone' }
    throw error
  }
}

/** Whether the last statement warned that tables without transactions keep what was written. */
export async function hasWrittenForGood(session: Asking): Promise<boolean> {
  const { rows } = await session.send(showWarnings)
  return rows.some((row) => String(row.Code) === incompleteRollback)
}

function throwUnlessAnswered(error: unknown): void {
  if (numberOf(error) === undefined) throw error
}

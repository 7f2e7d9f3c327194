/**
 * What the holder of a log in a table may not know though it is durable: rows come from branches, and
 * from processes that have lost the log; they are found when they matter, by whoever presumes.
 */
import type { Decision } from '../../core/decision.ts'
import type { Surroundings } from '../surroundings.ts'
import type { TransactionFacts } from './facts.ts'

/** Whether a transaction's row, if it has one, was made by its holder, or before that read the log. */
export function hasRead(
  holder: string,
  { id, parts, beganBy }: TransactionFacts,
  { plan, tableWatch }: Surroundings,
): boolean {
  if (plan.decisions === undefined || beganBy === holder) return true
  return tableWatch.wasThere(id, parts.log, holder)
}

/** Whether nobody has to know it yet: a late row, or a presumption whose answer was lost. */
export function isUnread(
  found: TransactionFacts,
  decision: Decision,
  surroundings: Surroundings,
): boolean {
  const { plan, owners } = surroundings
  const holder = owners.holderOf(found.parts.log)
  if (plan.decisions === undefined || holder === undefined) return false
  return decision === 'aborted' || !hasRead(holder.name, found, surroundings)
}

/** Counts, at the end of a run, how its transactions ended. */
import { isCommitted } from './checkers/atomicity.ts'
import type { DurableRecords } from './checkers/durable-records.ts'
import type { BegunBranch, Facts } from './checkers/facts.ts'

export function countOutcomes(
  facts: Facts,
  durable: DurableRecords,
  count: (what: string) => void,
): void {
  for (const found of facts.all()) {
    count(isCommitted(found) ? 'committed at resources' : 'nowhere at resources')
    if (![...found.branches.values()].some(isUnanswered)) continue
    const hasEffect = durable.decisionOf(found.id) === 'committed'
    count(`carrier unanswered, ${hasEffect ? 'and' : 'not'} committed`)
  }
}

/** Its process died meanwhile, or the answer was lost. */
function isUnanswered({ carries }: BegunBranch): boolean {
  return carries === 'unknown' || carries === 'asked'
}

/** Counts, at the end of a run, how its transactions ended. */
import { isCommitted } from './checkers/atomicity.ts'
import type { DurableRecords } from './checkers/durable-records.ts'
import type { BegunBranch, Facts, TransactionFacts } from './checkers/facts.ts'

export function countOutcomes(
  facts: Facts,
  durable: DurableRecords,
  count: (what: string) => void,
): void {
  for (const found of facts.all()) {
    count(isCommitted(found) ? 'committed at resources' : 'nowhere at resources')
    if (found.isExecuted) countExecuted(found, count)
    if (![...found.branches.values()].some(isUnanswered)) continue
    const hasEffect = durable.decisionOf(found.id) === 'committed'
    count(`carrier unanswered, ${hasEffect ? 'and' : 'not'} committed`)
  }
}

/** Its caller was never told: its process died, or it is told only where it is asked for. */
function countExecuted(found: TransactionFacts, count: (what: string) => void): void {
  const end = isCommitted(found) ? 'committed' : 'nowhere'
  count(`execute ${end}`)
  if (found.told === undefined) count(`execute unanswered, ${end}`)
  if (found.told?.how === 'failed' && found.told.effect === 'unknown') {
    count(`execute in doubt, ${end}`)
  }
  for (const { isBatch, vote, resource } of found.branches.values()) {
    if (!isBatch || vote !== 'unknown') continue
    count(`batch vote lost, ${found.done.has(resource) ? 'prepared' : 'nothing there'}`)
  }
}

/** Its process died meanwhile, or the answer was lost. */
function isUnanswered({ carries }: BegunBranch): boolean {
  return carries === 'unknown' || carries === 'asked'
}

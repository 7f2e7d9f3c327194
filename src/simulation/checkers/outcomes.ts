/**
 * A2 and A9 against what callers are answered when they ask how a transaction ended: the answer
 * never flips, agrees with the data, and `unknown` is said only where nobody can know.
 */
import type { Outcome } from '../../core/decision.ts'
import type { Broken } from '../violations.ts'
import { isCommitted, isTouchedByHand } from './atomicity.ts'
import type { DurableRecords } from './durable-records.ts'
import type { Facts, TransactionFacts } from './facts.ts'

const isFinal = (outcome: Outcome): boolean => outcome !== 'unknown' && outcome !== 'active'

/** Takes note of an answer. */
export function judgeAnswer(found: TransactionFacts, answer: Outcome, broken: Broken): void {
  const { id, outcome: before, told } = found
  const flips =
    (before === 'committed' && answer === 'aborted') ||
    (before === 'aborted' && answer === 'committed') ||
    ((before === 'mixed' || before === 'hazard') &&
      (answer === 'committed' || answer === 'aborted'))
  if (flips) broken('A2', `${id} was ${before}, and now is ${answer}`)
  if (answer === 'committed' && told?.how === 'failed' && told.effect === 'none') {
    broken('A6', `${id} is ${answer}, and its caller was told ${told.code}: no effect`)
  }
  if (answer === 'aborted' && (told?.how === 'committed' || isCommitted(found))) {
    broken('A6', `${id} is ${answer}, and it has committed`)
  }
  if (before !== undefined && isFinal(before) && answer === 'active') {
    broken('A2', `${id} was ${before}, and now is active`)
  }
  if (isFinal(answer)) found.outcome = answer
}

/** At the end: the log that holds a transaction can tell, within its retention, what was recorded. */
export function judgeKept(
  facts: Facts,
  asked: (found: TransactionFacts) => Outcome | undefined,
  {
    durable,
    keepsAll,
    broken,
  }: {
    readonly durable: DurableRecords
    /** Whether retention drops nothing in a run. */
    readonly keepsAll: boolean
    readonly broken: Broken
  },
): void {
  for (const found of facts.all()) {
    const answer = asked(found)
    if (answer === undefined) continue // nobody here holds its log
    judgeAnswer(found, answer, broken)
    const { id, parts } = found
    if (answer === 'active') broken('A10', `${id} is active, and nothing is under way`)
    if ((answer === 'mixed' || answer === 'hazard') && !isTouchedByHand(found)) {
      broken('A6', `${id} is ${answer}, and no resource went against its decision`)
    }
    if (!keepsAll || answer !== 'unknown') continue
    const decision = durable.decisionOf(id)
    if (decision !== undefined) broken('A9', `${id} is unknown, and was recorded ${decision}`)
    else if (!durable.isMarkedOnePhase(parts.log, parts)) {
      broken('A9', `${id} is unknown, and absence would mean aborted`)
    }
  }
}

/**
 * A2 and A9 against what callers are answered when they ask how a transaction ended: the answer
 * never flips, agrees with the data, and `unknown` is said only where nobody can know.
 */
import type { Decision, Outcome } from '../../core/decision.ts'
import type { LogIdentity, TransactionId } from '../../core/ids.ts'
import type { Place } from '../scheduler.ts'
import type { Broken } from '../violations.ts'
import { isCommitted, isTouchedByHand } from './atomicity.ts'
import type { DurableRecords } from './durable-records.ts'
import type { Facts, TransactionFacts } from './facts.ts'
import type { Owners } from './owners.ts'

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

/**
 * Takes note of what `asked` has answered. A heuristic that it met when its log was another's already is
 * not recorded: nobody else can know it.
 */
export function judgeAnswerOf(
  asked: Place | undefined,
  found: TransactionFacts,
  answer: Outcome,
  { owners, broken }: { readonly owners: Owners; readonly broken: Broken },
): void {
  const isHeuristic = answer === 'mixed' || answer === 'hazard'
  if (isHeuristic && owners.holderOf(found.parts.log) !== asked) return
  judgeAnswer(found, answer, broken)
}

/** How each transaction ended, as whoever holds its log says; without those that nobody holds. */
export interface Asked {
  readonly answers: ReadonlyMap<TransactionFacts, Outcome>
  readonly areAnswered: () => boolean
}

interface Answering {
  outcome(id: TransactionId): Promise<Outcome>
}

export function askOutcomes(
  facts: Facts,
  holderOf: (log: LogIdentity) => Answering | undefined,
  broken: Broken,
): Asked {
  const answers = new Map<TransactionFacts, Outcome>()
  let unanswered = 0
  for (const found of facts.all()) {
    const { id, parts } = found
    const holder = holderOf(parts.log)
    if (holder === undefined) continue
    unanswered += 1
    holder.outcome(id).then(
      (answer) => {
        unanswered -= 1
        // Whoever gives the log up meanwhile need not know any more.
        if (holderOf(parts.log) === holder) answers.set(found, answer)
      },
      (failure) => broken('program', `outcome of ${id}: ${String(failure)}`),
    )
  }
  return { answers, areAnswered: () => unanswered === 0 }
}

/** At the end: the log that holds a transaction can tell, within its retention, what was recorded. */
export function judgeKept(
  asked: Asked,
  {
    durable,
    isUnread,
    keepsAll,
    broken,
  }: {
    readonly durable: DurableRecords
    /** Whether its holder has not read what stands for it, and need not. */
    readonly isUnread: (found: TransactionFacts, decision: Decision) => boolean
    /** Whether retention drops nothing in a run. */
    readonly keepsAll: boolean
    readonly broken: Broken
  },
): void {
  if (!asked.areAnswered()) broken('A10', 'somebody asked for an outcome, and has no answer')
  for (const [found, answer] of asked.answers) {
    judgeAnswer(found, answer, broken)
    const { id, parts } = found
    if (answer === 'active') broken('A10', `${id} is active, and nothing is under way`)
    if ((answer === 'mixed' || answer === 'hazard') && !isTouchedByHand(found)) {
      broken('A6', `${id} is ${answer}, and no resource went against its decision`)
    }
    if (!keepsAll || answer !== 'unknown') continue
    const decision = durable.decisionOf(id)
    const isMarked = durable.isMarkedOnePhase(parts.log, parts)
    if (decision !== undefined && !(isMarked && isUnread(found, decision))) {
      broken('A9', `${id} is unknown, and was recorded ${decision}`)
    } else if (decision === undefined && !isMarked) {
      broken('A9', `${id} is unknown, and absence would mean aborted`)
    }
  }
}

/**
 * What callers were given as results is what the databases answered: to the statements of the branch
 * that is prepared or has committed there, and not to those of another attempt.
 */
import type { Broken } from '../violations.ts'
import type { Told, TransactionFacts } from './facts.ts'

/** The transaction is told committed. */
export function judgeResults(
  found: TransactionFacts,
  { results }: Extract<Told, { readonly how: 'committed' }>,
  broken: Broken,
): void {
  const { id, done, resultsInside } = found
  for (const [resource, given] of results ?? []) {
    const answers = done.get(resource)?.answers
    if (answers === undefined || isSame(given, answers)) continue
    broken('program', `${id} is told ${given} by ${resource}, which answered ${answers}`)
  }
  // Beside other work, which is answered as well.
  for (const { resource, values } of resultsInside) {
    const answers = done.get(resource)?.answers
    if (answers === undefined || isAmong(values, answers)) continue
    broken('program', `${id} was told ${values} by ${resource}, which answered ${answers}`)
  }
}

/** Its caller is told that there are none: then an answer was lost with them. */
export function judgeLostResults({ id, branches }: TransactionFacts, broken: Broken): void {
  const isLost = [...branches.values()].some(
    ({ isBatch, carries, isOnePhase, onePhase }) =>
      isBatch &&
      (carries !== undefined ? carries !== 'committed' : isOnePhase && onePhase !== 'committed'),
  )
  if (!isLost) broken('program', `${id} is told that its results are lost, and no answer was`)
}

function isSame(one: readonly number[], other: readonly number[]): boolean {
  return one.length === other.length && isAmong(one, other)
}

/** Whether all of them are there, in their order. */
function isAmong(values: readonly number[], all: readonly number[]): boolean {
  let at = 0
  for (const each of all) if (at < values.length && each === values[at]) at += 1
  return at === values.length
}

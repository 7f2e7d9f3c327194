/**
 * A1 and A6 against what the resources did: each transaction happened everywhere, as its work meant
 * it, or nowhere; and callers were told no other.
 */

import type { Finisher, ResourceObserver, Work } from '../database/database.ts'
import type { Broken } from '../violations.ts'
import type { BranchFact, Changes, Facts, Told, TransactionFacts } from './facts.ts'
import { judgeLostResults, judgeResults } from './results.ts'

/** Takes note of what each resource does, as it becomes durable. */
export function resourceWatch(facts: Facts, broken: Broken): ResourceObserver {
  const note = (state: BranchFact['state'], resource: string, work: Work, by: Finisher): void => {
    const found = facts.ofBranch(work.id)
    if (found === undefined) return // a stranger's; see the check of strangers
    const before = found.done.get(resource)
    if (before?.state === 'committed') {
      broken('A1', `${work.id} is ${state} at ${resource}, where it had committed`)
    }
    if (state === 'prepared' && hasVotedNo(found, resource)) {
      broken('A6', `${work.id} is prepared at ${resource}, and was said to have voted no`)
    }
    const { changes, answers } = work
    if (state === 'prepared' && isGone(found, resource)) {
      broken('A6', `${work.id} is prepared at ${resource}, and was said to be rolled back`)
    }
    found.done.set(resource, { state, changes, answers, isByHand: by === 'operator' })
  }
  return {
    prepared: (resource, work) => note('prepared', resource, work, 'participant'),
    committed: (resource, work, by) => note('committed', resource, work, by),
    rolledBack: (resource, work, by) => note('rolled-back', resource, work, by),
  }
}

function hasVotedNo({ branches }: TransactionFacts, resource: string): boolean {
  return [...branches.values()].some((each) => each.resource === resource && each.vote === 'no')
}

/** Only of what was executed: other adapters of ours leave what is late to the sweep. */
function isGone({ branches }: TransactionFacts, resource: string): boolean {
  return [...branches.values()].some(
    (each) => each.resource === resource && each.isBatch && each.isGone === true,
  )
}

/**
 * Whether a transaction committed, as its resources tell. A branch that wrote nothing tells nothing: its
 * commit may have been its vote.
 */
export function isCommitted(found: TransactionFacts): boolean {
  return [...found.done.values()].some(
    ({ state, isByHand, changes }) => state === 'committed' && !isByHand && changes.size > 0,
  )
}

/** Whether an operator of a database ended a branch, so that it may have gone against the others. */
export function isTouchedByHand({ done }: TransactionFacts): boolean {
  return [...done.values()].some(({ isByHand }) => isByHand)
}

/** A caller is told: whatever it is told must be so already. */
export function judgeTold(found: TransactionFacts, told: Told, broken: Broken): void {
  found.told = told
  if (told.how === 'committed') {
    judgeToldCommitted(found, told.settled, broken)
    return judgeResults(found, told, broken)
  }
  if (told.effect === 'applied') {
    judgeToldCommitted(found, false, broken)
    return judgeLostResults(found, broken)
  }
  if (told.effect === 'none' && isCommitted(found)) {
    broken('A6', `${found.id} has committed, and its caller is told ${told.code}: no effect`)
  }
}

function judgeToldCommitted(found: TransactionFacts, isSettled: boolean, broken: Broken): void {
  if (found.intended === undefined) {
    broken('A1', `${found.id} is told committed, and its work did not return`)
  }
  for (const [resource, changes] of found.intended ?? []) {
    const fact = found.done.get(resource)
    const isThere = fact?.state === 'committed' || fact?.isByHand === true
    if (changes.size === 0 || isThere) continue
    if (fact === undefined) broken('A1', `${found.id} is told committed without ${resource}`)
    else if (isSettled) broken('A10', `${found.id} is told settled, and not at ${resource}`)
  }
}

/** At the end, when nothing is under way any more. */
export function judgeAtomicity(facts: Facts, broken: Broken): void {
  for (const found of facts.all()) {
    judgeOne(found, broken)
    judgeAgainstTold(found, broken)
  }
}

function judgeOne(found: TransactionFacts, broken: Broken): void {
  if (!isCommitted(found)) return
  const { id, intended, done } = found
  if (intended === undefined) {
    return broken('A1', `${id} has committed somewhere, and its work did not return`)
  }
  for (const [resource, changes] of intended) {
    const fact = done.get(resource)
    if (changes.size === 0 || fact?.isByHand) continue
    if (fact?.state !== 'committed') {
      broken('A1', `${id} has committed, but is ${fact?.state ?? 'lost'} at ${resource}`)
    } else if (!isSame(changes, fact.changes)) {
      broken('A1', `${id} has committed at ${resource} what its work did not mean`)
    }
  }
  for (const [resource, { state, isByHand, changes }] of done) {
    const isMeant = changes.size === 0 || (intended.get(resource)?.size ?? 0) > 0
    if (state === 'committed' && !isByHand && !isMeant) {
      broken('A1', `${id} has committed at ${resource}, where its work meant nothing`)
    }
  }
}

function judgeAgainstTold(found: TransactionFacts, broken: Broken): void {
  const { id, told, intended } = found
  const hasWritten = [...(intended?.values() ?? [])].some(({ size }) => size > 0)
  const isToldCommitted = told?.how === 'committed' || told?.effect === 'applied'
  if (isToldCommitted && hasWritten && !isCommitted(found) && !isTouchedByHand(found)) {
    broken('A6', `${id} is nowhere, and its caller was told committed`)
  }
  if (told?.how === 'failed' && told.effect === 'none' && isCommitted(found)) {
    broken('A6', `${id} has committed, and its caller was told ${told.code}: no effect`)
  }
}

function isSame(one: Changes, other: Changes): boolean {
  const differs = (left: Changes, right: Changes): boolean =>
    [...left].some(([account, change]) => (right.get(account) ?? 0) !== change)
  return !differs(one, other) && !differs(other, one)
}

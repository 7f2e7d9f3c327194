/**
 * A10 once faults have stopped and the world was given time: everything has settled, nothing is
 * prepared or locked, nobody waits for an answer, and what went against a decision is listed.
 */
import { parseBranchId } from '../../core/ids.ts'
import type { SimulatedCoordinator } from '../process/process.ts'
import type { Surroundings } from '../surroundings.ts'
import type { Caller } from '../workload/caller.ts'
import type { Operator } from '../workload/operator.ts'
import type { TransactionFacts } from './facts.ts'

export interface Remains {
  readonly surroundings: Surroundings
  readonly coordinators: readonly SimulatedCoordinator[]
  readonly callers: readonly Caller[]
  readonly operator: Operator
}

/** What is not done yet, in words; empty when the world is at rest. */
export function unfinishedBusiness(remains: Remains): string[] {
  const unattended = remains.surroundings.owners.unattended()
  return [
    ...liveTransactions(remains),
    ...openBranches(remains),
    ...unansweredCalls(remains),
    ...unattended.map((identity) => `nobody has taken over the log ${identity}`),
  ]
}

function liveTransactions({ coordinators }: Remains): string[] {
  return coordinators.flatMap((coordinator) =>
    coordinator
      .transactions()
      .filter(({ state }) => state !== 'heuristic')
      .map(({ id, state }) => `${id} is ${state}`),
  )
}

function openBranches({ surroundings }: Remains): string[] {
  const left: string[] = []
  for (const { name, prepared, sessions } of surroundings.databases) {
    for (const id of prepared.keys()) {
      if (isAwaited(surroundings, id)) left.push(`${id} is prepared at ${name}`)
    }
    for (const { branch } of sessions) {
      if (branch !== undefined) left.push(`${branch} is open at ${name}`)
    }
  }
  for (const { name, reserved } of surroundings.services) {
    for (const id of reserved.keys()) {
      if (isAwaited(surroundings, id)) left.push(`${id} is reserved at ${name}`)
    }
  }
  return left
}

function unansweredCalls({ callers, operator }: Remains): string[] {
  const calls = callers
    .filter(({ incarnation }) => !incarnation.isDead)
    .flatMap(({ waiting }) => [...waiting].map((call) => `the call ${call} is not answered`))
  const acts = [...operator.waiting]
    .filter(([, at]) => !at.isDead)
    .map(([act, at]) => `${act} of the operator at ${at.name} is not answered`)
  return [...calls, ...acts]
}

/** Heuristics are listed until they are forgotten. */
export function judgeListed({ surroundings, coordinators }: Remains): void {
  const { facts, durable, broken } = surroundings
  const listed = new Set<string>(
    coordinators.flatMap((each) =>
      each
        .transactions()
        .filter(({ heuristics }) => heuristics.length > 0)
        .map(({ id }) => id as string),
    ),
  )
  for (const found of facts.all()) {
    // An act whose answer was lost is recorded all the same.
    if (found.isForgotten || durable.isForgotten(found.id) || listed.has(found.id)) continue
    const isRolledBackByHand = [...found.done.values()].some(
      ({ state, isByHand }) => state === 'rolled-back' && isByHand,
    )
    if (isRolledBackByHand && durable.decisionOf(found.id) === 'committed') {
      broken('A10', `${found.id} committed, a branch was rolled back by hand, and nobody lists it`)
    }
    if (durable.hasHeuristic(found.id)) {
      broken('A10', `${found.id} has a recorded heuristic, not forgotten, and nobody lists it`)
    }
  }
}

/** All that is decided and not delivered is listed by whoever holds its log. */
export function judgeVisible(
  coordinator: SimulatedCoordinator,
  heldHere: (found: TransactionFacts) => boolean,
  { facts, durable, broken }: Surroundings,
): void {
  let listed: Set<string> | undefined
  for (const found of facts.all()) {
    const isPrepared = [...found.done.values()].some(({ state }) => state === 'prepared')
    if (!isPrepared || !heldHere(found) || durable.decisionOf(found.id) !== 'committed') continue
    listed ??= new Set(coordinator.transactions().map(({ id }) => id as string))
    if (!listed.has(found.id)) {
      broken(
        'A10',
        `${found.id} is committed and not delivered, and its holder lists nothing of it`,
      )
    }
  }
}

/** Whether somebody has to finish this branch before the world can rest. */
function isAwaited(surroundings: Surroundings, id: string): boolean {
  return isOurs(surroundings, id) && !isAbandoned(surroundings, id)
}

function isOurs({ facts }: Surroundings, id: string): boolean {
  return parseBranchId(id) !== undefined && facts.ofBranch(id) !== undefined
}

/** It landed when its log was given up already, for want of patience: nobody looks for it now. */
function isAbandoned({ plan, owners }: Surroundings, id: string): boolean {
  const parts = parseBranchId(id)
  return !plan.isPatient && parts !== undefined && owners.holderOf(parts.log) === undefined
}

/** Whether anything abandoned still holds its locks. */
export function isAnyAbandoned(surroundings: Surroundings): boolean {
  return surroundings.databases.some(({ prepared }) =>
    [...prepared.keys()].some((id) => isOurs(surroundings, id) && isAbandoned(surroundings, id)),
  )
}

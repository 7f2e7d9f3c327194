/**
 * The operator of the coordinators: settles what is held by looking at the last resource, vouches
 * for branches that have ended, forgets heuristics that were seen, and settles strangers' orphans.
 */
import type { PendingTransaction } from '../../coordinator/pending.ts'
import type { Decision } from '../../core/decision.ts'
import { isAssentError } from '../../core/errors.ts'
import type { BranchId, TransactionId } from '../../core/ids.ts'
import type { TransactionFacts } from '../checkers/facts.ts'
import type { Incarnation } from '../process/incarnation.ts'
import type { SimulatedCoordinator } from '../process/process.ts'
import type { SeededRandom } from '../random.ts'
import type { Surroundings } from '../surroundings.ts'

const by = 'the operator'

/** What an act may be refused with, because things went on meanwhile. */
const expectedCodes: readonly string[] = [
  'ASSENT_NOT_RESOLVABLE',
  'ASSENT_UNKNOWN_TRANSACTION',
  'ASSENT_LOG_FAILED',
  'ASSENT_RESOURCE_UNAVAILABLE',
  // Of a branch that somebody else has ended meanwhile, or whose resource did not answer.
  'ASSENT_HEURISTIC',
  'ASSENT_OUTCOME_UNKNOWN',
]

export class Operator {
  readonly #surroundings: Surroundings
  readonly #random: SeededRandom
  /** Acts that were not answered yet, by who was asked. */
  readonly waiting: Map<string, Incarnation> = new Map()
  #acts = 0

  constructor(surroundings: Surroundings, random: SeededRandom) {
    this.#surroundings = surroundings
    this.#random = random
  }

  /** Does one act at random, if there is one to do. */
  actOnce(coordinator: SimulatedCoordinator, at: Incarnation): void {
    const pending = coordinator.transactions()
    const chosen = pending.length === 0 ? undefined : this.#random.pick(pending)
    // A log that is not held here may be held by a sibling: only what has no log at all is settled.
    const strangers = coordinator
      .orphans()
      .filter(({ ours, id }) => !ours && this.#surroundings.facts.ofBranch(id) === undefined)
    if (strangers.length > 0 && this.#random.chance(0.15)) {
      this.#settleStranger(coordinator, at, this.#random.pick(strangers).id)
    } else if (chosen?.state === 'held') this.#settleHeld(coordinator, at, chosen)
    else if (chosen?.state === 'heuristic') this.#forget(coordinator, at, chosen)
    else if (chosen !== undefined) this.#vouch(coordinator, at, chosen)
  }

  /** Settles all that waits for an operator; heuristics stay listed. */
  settleAll(coordinator: SimulatedCoordinator, at: Incarnation): void {
    for (const pending of coordinator.inDoubt()) {
      if (pending.state === 'held') this.#settleHeld(coordinator, at, pending)
    }
    for (const { id, ours, decision } of coordinator.orphans()) {
      const found = this.#surroundings.facts.ofBranch(id)
      if (!ours || decision !== undefined || !found?.isForgotten) continue
      this.#settleOrphan(coordinator, at, id, found)
    }
  }

  /** A branch that landed after its heuristics were forgotten, and with them the decision. */
  #settleOrphan(
    coordinator: SimulatedCoordinator,
    at: Incarnation,
    id: string,
    found: TransactionFacts,
  ): void {
    const decision = this.#surroundings.durable.decisionOf(found.id) ?? 'aborted'
    this.#act(at, `settles the orphan ${id} as ${decision}`, undefined, () =>
      coordinator.resolve(id, decision, { by, reason: 'its transaction is over' }),
    )
  }

  /** The last resource is asked by hand, in a way that rules out that it commits later. */
  #settleHeld(
    coordinator: SimulatedCoordinator,
    at: Incarnation,
    { id }: PendingTransaction,
  ): void {
    const { facts, lastResources } = this.#surroundings
    const found = facts.get(id)
    const last = [...(found?.branches ?? [])].find(([, branch]) => !branch.canPrepare)
    if (last === undefined) return this.#settleCarried(coordinator, at, id)
    const [number, { resource }] = last
    const service = lastResources.find((each) => each.service.name === resource)?.service
    const branchId = `assent.${id}.${number.toString(36)}`
    if (service === undefined || service.isEnding(branchId)) return
    if (service.ended.get(branchId) === undefined) service.ended.set(branchId, 'cancelled')
    const decision = service.ended.get(branchId) === 'confirmed' ? 'committed' : 'aborted'
    const { durable, broken } = this.#surroundings
    const resolve = async (): Promise<void> => {
      await coordinator.resolve(id, decision, { by, reason: `${resource} has ${decision}` })
      const isRecorded = at.isDead || found === undefined || durable.isResolved(found.id, decision)
      if (!isRecorded) broken('A2', `${id} was resolved as ${decision}, and that is not recorded`)
    }
    this.#act(at, `resolves ${id} as ${decision}`, 'operator resolved held', resolve)
    // Another operator at once, who says the same, or makes a mistake and comes too late with it.
    const second = this.#random.fraction()
    if (second < 0.2) this.#act(at, `resolves ${id} too`, undefined, resolve)
    if (second < 0.8) return
    const opposite = decision === 'committed' ? 'aborted' : 'committed'
    this.#act(at, `resolves ${id} as ${opposite} by mistake`, undefined, () =>
      coordinator.resolve(id, opposite, { by, reason: 'a mistake' }),
    )
  }

  /** What waits for the table that keeps its decision waits for nobody else. */
  #settleCarried(coordinator: SimulatedCoordinator, at: Incarnation, id: TransactionId): void {
    if (!this.#random.chance(0.1)) return
    const { broken } = this.#surroundings
    this.#act(at, `resolves ${id}, whose decision is in a table`, undefined, async () => {
      await coordinator.resolve(id, 'aborted', { by, reason: 'a mistake' })
      broken('A2', `${id} was resolved by an operator, and its decision is in a table`)
    })
  }

  #vouch(coordinator: SimulatedCoordinator, at: Incarnation, pending: PendingTransaction): void {
    const found = this.#surroundings.facts.get(pending.id)
    if (found === undefined) return
    for (const { resource, state } of pending.branches) {
      const decision = endOf(found, resource)
      const isUndelivered = state === 'committing' || state === 'rolling-back'
      if (!isUndelivered || decision === undefined) continue
      const { id } = pending
      const reason = `${resource} was looked at: ${decision}`
      this.#act(at, `vouches that ${id} is ${decision} at ${resource}`, 'operator vouched', () =>
        coordinator.resolve(id, decision, { by, reason, resource }),
      )
      return
    }
  }

  #forget(coordinator: SimulatedCoordinator, at: Incarnation, { id }: PendingTransaction): void {
    const found = this.#surroundings.facts.get(id)
    this.#act(at, `forgets ${id}`, 'operator forgot', async () => {
      await coordinator.forget(id, { by, reason: 'the data was repaired' })
      if (found !== undefined) found.isForgotten = true
    })
  }

  #settleStranger(coordinator: SimulatedCoordinator, at: Incarnation, id: string): void {
    this.#surroundings.allowedStrangers.add(id)
    const decision = this.#random.pick<Decision>(['committed', 'aborted'])
    this.#act(at, `settles the stranger ${id}`, 'operator settled stranger', () =>
      coordinator.resolve(id as BranchId, decision, { by, reason: 'its owner is gone' }),
    )
  }

  #act(at: Incarnation, what: string, counted: string | undefined, act: () => Promise<void>): void {
    const { trace, coverage, broken } = this.#surroundings
    this.#acts += 1
    const name = `act ${this.#acts}`
    trace.note(at.name, `${name}: the operator ${what}`)
    this.waiting.set(name, at)
    act().then(
      () => {
        this.waiting.delete(name)
        trace.note(at.name, `${name} is done`)
        if (counted !== undefined) coverage.count(counted)
      },
      (failure) => {
        this.waiting.delete(name)
        trace.note(at.name, `${name} is refused: ${String(failure)}`)
        const isExpected = isAssentError(failure) && expectedCodes.includes(failure.code)
        if (!isExpected) broken('program', `${name}, ${what}, fails: ${String(failure)}`)
      },
    )
  }
}

/** How a branch ended at its resource; undefined while it has not. */
function endOf(found: TransactionFacts, resource: string): Decision | undefined {
  const state = found.done.get(resource)?.state
  if (state === 'committed') return 'committed'
  return state === 'rolled-back' ? 'aborted' : undefined
}

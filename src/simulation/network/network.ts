/**
 * The network between processes and resources: messages of their own, which may be lost, doubled or
 * overtaken, and connections (`Wire`), which keep the order and break instead.
 *
 * A partition cuts one pair of machines off from each other for a while.
 */
import type { BranchId } from '../../core/ids.ts'
import type { SeededRandom } from '../random.ts'
import type { Actor, Place, Scheduler } from '../scheduler.ts'
import type { Trace } from '../trace.ts'
import { calmNetwork, messageLifeMaxMs, type NetworkConditions } from './conditions.ts'
import { Wire } from './wire.ts'

export class Network {
  readonly scheduler: Scheduler
  readonly random: SeededRandom
  readonly trace: Trace
  conditions: NetworkConditions = calmNetwork
  /** What befell messages and connections, by name, for the report. */
  readonly onFault: (fault: string) => void
  /**
   * Asked before a branch is told to take its decision along: it may do something to its wire, and
   * answers what is to be done once that was sent.
   */
  onDecision: ((wire: Wire, id: BranchId) => () => void) | undefined
  readonly #cutUntilMs = new Map<string, number>()
  readonly #wires = new Set<Wire>()

  constructor(options: {
    readonly scheduler: Scheduler
    readonly random: SeededRandom
    readonly trace: Trace
    readonly onFault: (fault: string) => void
  }) {
    this.scheduler = options.scheduler
    this.random = options.random
    this.trace = options.trace
    this.onFault = options.onFault
  }

  /** Sends a message of its own: it arrives never, once or twice, and in any order. */
  send(from: Place, to: Place, label: string, deliver: () => void): void {
    if (from.isDead) return
    const isLost = this.random.chance(this.conditions.lossChance)
    if (isLost || this.cutUntilMs(from, to) > this.scheduler.nowMs) {
      this.fault('message lost', from, `${label} to ${to.name} is lost`)
      return
    }
    this.scheduler.after(this.delayMs(), deliver, to)
    if (!this.random.chance(this.conditions.duplicateChance)) return
    this.fault('message doubled', from, `${label} to ${to.name} is doubled`)
    this.scheduler.after(this.delayMs(), deliver, to)
  }

  connect(client: Actor, server: Place): Wire {
    const wire = new Wire(this, client, server)
    this.#wires.add(wire)
    return wire
  }

  /** Cuts two machines off from each other. */
  cut(one: Place, other: Place, forMs: number): void {
    const untilMs = this.scheduler.nowMs + Math.min(forMs, messageLifeMaxMs / 2)
    this.#cutUntilMs.set(pairOf(one, other), untilMs)
    this.fault('partition', one, `is cut off from ${other.name} for ${forMs.toFixed(0)} ms`)
  }

  /** When a pair is connected again; in the past when it is. */
  cutUntilMs(one: Place, other: Place): number {
    if (this.#cutUntilMs.size === 0) return 0
    return this.#cutUntilMs.get(pairOf(one, other)) ?? 0
  }

  /** No cut lasts any longer. */
  heal(): void {
    this.conditions = calmNetwork
    this.#cutUntilMs.clear()
  }

  /** Breaks every connection of a place that is dead. */
  breakAll(place: Place): void {
    for (const wire of this.#wires) {
      if (wire.client === place || wire.server === place) wire.break()
    }
  }

  /** One connection at random, of those that are open. */
  anyWire(): Wire | undefined {
    return this.#wires.size === 0 ? undefined : this.random.pick([...this.#wires])
  }

  forget(wire: Wire): void {
    this.#wires.delete(wire)
  }

  /** How long the next message takes. */
  delayMs(): number {
    const { latencyMs, slowChance, slowMs } = this.conditions
    const [low, high] = this.random.chance(slowChance) ? slowMs : latencyMs
    return Math.min(this.random.between(low, high), messageLifeMaxMs / 2)
  }

  fault(fault: string, place: Place, what: string): void {
    this.onFault(fault)
    this.trace.note(place.name, what)
  }
}

/** Places of one machine share what stands before the dot: `p0.3` is the fourth life of `p0`. */
function pairOf(one: Place, other: Place): string {
  return [one.name, other.name]
    .map((name) => name.split('.', 1)[0])
    .sort()
    .join('|')
}

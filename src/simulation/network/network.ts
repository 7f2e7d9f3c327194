/**
 * The network between processes and resources: messages of their own, which may be lost, doubled or
 * overtaken, and connections (`Wire`), which keep the order and break instead.
 *
 * A partition cuts one pair of machines off from each other for a while.
 */
import type { SeededRandom } from '../random.ts'
import type { Actor, Place, Scheduler } from '../scheduler.ts'
import type { Trace } from '../trace.ts'
import { calmNetwork, messageLifeMaxMs, type NetworkConditions } from './conditions.ts'
import { Wire } from './wire.ts'

/** A message that is held up lives as long as any other. */
const stallMaxMs = messageLifeMaxMs / 2

export class Network {
  readonly scheduler: Scheduler
  readonly random: SeededRandom
  readonly trace: Trace
  conditions: NetworkConditions = calmNetwork
  /** What befell messages and connections, by name, for the report. */
  readonly onFault: (fault: string) => void
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

  /**
   * Called before a request that takes a decision along is sent: it may arrive late, also when its
   * sender has given it up, or its answer may. What is answered is to be done when it was sent.
   */
  troubleDecision(wire: Wire): () => void {
    const { random, conditions } = this
    if (!random.chance(conditions.decisionTroubleChance)) return () => undefined
    const isRequest = random.chance(0.7)
    const isBroken = random.chance(0.6)
    const forMs = random.chance(0.2) ? 0 : random.between(20, stallMaxMs)
    wire.stall(isRequest ? 'requests' : 'answers', forMs)
    const what = `${isRequest ? 'decision' : 'answer to a decision'} held up`
    this.fault(isBroken ? `${what}, and given up` : what, wire.client, `its ${what}`)
    return () => {
      if (isBroken) wire.break()
    }
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

/**
 * What goes wrong where decisions are kept in a participant: with the messages that take a decision
 * along, and with the sessions that hold the logs.
 */

import type { BranchId } from '../core/ids.ts'
import type { SlotHolder } from './database/decisions/slot-holder.ts'
import { messageLifeMaxMs } from './network/conditions.ts'
import type { Wire } from './network/wire.ts'
import type { Process } from './process/process.ts'
import type { SeededRandom } from './random.ts'
import type { Scheduler } from './scheduler.ts'
import type { Surroundings } from './surroundings.ts'
import type { Curious } from './workload/curious.ts'

export interface DecisionFaultsOptions {
  readonly surroundings: Surroundings
  readonly random: SeededRandom
  readonly processes: readonly Process[]
  readonly curious: Curious
}

/** Less than the patience of whoever takes the log over; see `Plan.isPatient`. */
const sleepMs: readonly [low: number, high: number] = [500, 2_500]

export class DecisionFaults {
  readonly #options: DecisionFaultsOptions
  readonly #random: SeededRandom
  readonly #scheduler: Scheduler

  constructor(options: DecisionFaultsOptions) {
    this.#options = options
    this.#random = options.random
    this.#scheduler = options.surroundings.scheduler
  }

  /** A decision is about to be sent over `wire`; answers what happens once it was. */
  at(wire: Wire, id: BranchId): () => void {
    const { surroundings, curious } = this.#options
    const { plan, coverage, trace, facts } = surroundings
    const random = this.#random
    if (!random.chance(plan.decisions?.troubleChance ?? 0)) return () => undefined
    const isRequest = random.chance(0.7)
    const what = isRequest ? 'decision' : 'answer to a decision'
    const forMs = random.chance(0.2) ? 0 : random.between(20, messageLifeMaxMs)
    const fate = random.pick(['waits', 'waits', 'gives up', 'gives up', 'dies', 'sleeps'] as const)
    wire.stall(isRequest ? 'requests' : 'answers', forMs)
    coverage.count(`${what} held up, its sender ${fate}`)
    trace.note(wire.client.name, `has its ${what} held up for ${forMs.toFixed(0)} ms, and ${fate}`)
    const found = facts.ofBranch(id)
    if (found !== undefined && random.chance(0.5)) curious.askAbout(found.id)
    return () => {
      if (fate === 'gives up') wire.break()
      const sender = this.#processOf(wire.client.name)
      if (fate === 'dies') this.#scheduler.after(0, () => sender?.incarnation?.die('just then'))
      if (fate === 'sleeps') this.#sleepWithoutLock(sender)
    }
  }

  /** A session that holds a log is ended by its server; its process may be the last to hear of it. */
  endSession(): void {
    const holders = this.#holders()
    if (holders.length === 0) return
    const holder = this.#random.pick(holders)
    if (this.#random.chance(0.5)) return this.#end(holder)
    this.#sleepWithoutLock(this.#processOf(holder.client.name))
  }

  #sleepWithoutLock(process: Process | undefined): void {
    const own = this.#holders().filter(({ client }) => client === process?.incarnation)
    process?.hang(this.#random.between(...sleepMs))
    for (const holder of own) this.#end(holder)
  }

  #end(holder: SlotHolder): void {
    this.#options.surroundings.coverage.count('lock session ended')
    holder.terminate()
  }

  #holders(): SlotHolder[] {
    const { databases, plan } = this.#options.surroundings
    const deciding = databases.find(({ name }) => name === plan.decisions?.in)
    return [...(deciding?.slots.values() ?? [])]
  }

  #processOf(client: string): Process | undefined {
    return this.#options.processes.find(({ incarnation }) => incarnation?.name === client)
  }
}

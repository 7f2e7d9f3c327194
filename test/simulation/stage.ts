/** The parts of a simulated world, to test one at a time. */
import { nodeHost } from '../../scripts/simulate-host.ts'
import { calmNetwork } from '../../src/simulation/network/conditions.ts'
import { Network } from '../../src/simulation/network/network.ts'
import { SeededRandom } from '../../src/simulation/random.ts'
import { type Actor, Scheduler } from '../../src/simulation/scheduler.ts'
import { Trace } from '../../src/simulation/trace.ts'
import { type Broken, Violations } from '../../src/simulation/violations.ts'

export class Stage {
  readonly random: SeededRandom
  readonly scheduler: Scheduler = new Scheduler(nodeHost.quiesce)
  readonly trace: Trace = new Trace(() => this.scheduler.nowMs)
  readonly violations: Violations = new Violations(
    () => this.scheduler.nowMs,
    (what) => this.trace.note('CHECK', what),
  )
  readonly faults: string[] = []
  readonly network: Network

  constructor(seed = 1) {
    this.random = new SeededRandom(seed)
    this.network = new Network({
      scheduler: this.scheduler,
      random: this.random.fork('network'),
      trace: this.trace,
      onFault: (fault) => this.faults.push(fault),
    })
    this.network.conditions = calmNetwork
  }

  get broken(): Broken {
    return this.violations.broken
  }

  /** The rules that were broken so far, in order. */
  get rules(): string[] {
    return this.violations.found.map(({ rule }) => rule)
  }

  run(forMs = 10_000): Promise<void> {
    return this.scheduler.run(this.scheduler.nowMs + forMs)
  }
}

/** A place that does what it is told. */
export class Machine implements Actor {
  readonly name: string
  isDead = false
  pausedUntilMs = 0

  constructor(name: string) {
    this.name = name
  }

  act(): boolean {
    return !this.isDead
  }
}

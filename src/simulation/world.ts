/**
 * A run: processes with the production coordinator over one disk, resources over one network, users,
 * operators and faults; then a time without faults, in which all has to come to rest.
 */
import type { LogIdentity } from '../core/ids.ts'
import { judgeAtomicity, resourceWatch } from './checkers/atomicity.ts'
import { Facts, type TransactionFacts } from './checkers/facts.ts'
import { preparedOf } from './checkers/left-prepared.ts'
import {
  isAnyAbandoned,
  judgeListed,
  judgeVisible,
  type Remains,
  unfinishedBusiness,
} from './checkers/liveness.ts'
import { judgeMoney } from './checkers/money.ts'
import { askOutcomes, judgeKept } from './checkers/outcomes.ts'
import { probe, probeLimitMs } from './checkers/probe.ts'
import { makeRecords } from './checkers/records.ts'
import { hasRead, isUnread } from './checkers/unread.ts'
import { Coverage } from './coverage.ts'
import { createSimulatedDisk } from './disk.ts'
import { Faults } from './faults.ts'
import type { Host } from './host.ts'
import { Network } from './network/network.ts'
import type { Incarnation } from './process/incarnation.ts'
import { Process, type SimulatedCoordinator } from './process/process.ts'
import type { Plan } from './profile.ts'
import { SeededRandom } from './random.ts'
import { makeResources, type ResourceSet } from './resources.ts'
import { Scheduler } from './scheduler.ts'
import { Strangers } from './strangers.ts'
import type { Surroundings } from './surroundings.ts'
import { countOutcomes } from './tally.ts'
import { countTornTails } from './torn-tails.ts'
import { Trace } from './trace.ts'
import { Violations } from './violations.ts'
import { Caller } from './workload/caller.ts'
import { Curious } from './workload/curious.ts'
import { Operator } from './workload/operator.ts'

/** How long the world may take to come to rest once faults have stopped. */
const restLimitMs = 90_000
const restStepMs = 500
/** Until then a message of the active part may still arrive. */
const lateMessagesMs = 4_500

export class World {
  readonly plan: Plan
  readonly trace: Trace
  readonly coverage: Coverage = new Coverage()
  readonly violations: Violations
  readonly scheduler: Scheduler
  readonly facts: Facts = new Facts()
  readonly #random: SeededRandom
  readonly #surroundings: Surroundings
  readonly #resources: ResourceSet
  readonly #processes: Process[]
  readonly #incarnations = new Map<string, Incarnation>()
  readonly #callers = new Set<Caller>()
  readonly #operator: Operator
  readonly #curious: Curious
  readonly #faults: Faults
  readonly #strangers: Strangers
  #survivors: readonly Process[]

  constructor(plan: Plan, random: SeededRandom, host: Host) {
    this.plan = plan
    this.#random = random
    this.scheduler = new Scheduler(host.quiesce)
    const { scheduler, coverage, facts } = this
    this.trace = new Trace(() => scheduler.nowMs)
    this.violations = new Violations(
      () => scheduler.nowMs,
      (what) => this.trace.note('CHECK', what),
    )
    const { broken } = this.violations
    const network = new Network({
      scheduler,
      random: random.fork('network'),
      trace: this.trace,
      onFault: coverage.count,
    })
    const disk = createSimulatedDisk({
      random: random.fork('disk'),
      delay: (run, name) => this.#diskTurn(run, name),
    })
    const records = makeRecords(this, disk, (log) => preparedOf(log, this.#surroundings))
    this.#resources = makeResources(plan, {
      scheduler,
      random,
      trace: this.trace,
      observer: resourceWatch(facts, broken),
      decisions: records.tableWatch,
    })
    this.#strangers = new Strangers(this.#resources.databases, random.fork('strangers'))
    this.#surroundings = {
      host,
      plan,
      scheduler,
      trace: this.trace,
      network,
      disk,
      facts,
      ...records,
      coverage,
      broken,
      ...this.#resources,
      allowedStrangers: new Set(),
      onLogOpened: (identity) => this.#strangers.plant(identity),
      random,
    }
    this.#processes = Array.from({ length: plan.processes }, (_, index) =>
      this.#process(`p${index}`),
    )
    this.#survivors = this.#processes
    this.#operator = new Operator(this.#surroundings, random.fork('operator'))
    this.#curious = new Curious(
      this.#surroundings,
      new SeededRandom(plan.decisions?.curiousSeed ?? 0, 'curious'),
      () => this.#processes,
    )
    this.#faults = new Faults({
      surroundings: this.#surroundings,
      random: random.fork('faults'),
      processes: this.#processes,
      incarnations: this.#incarnations,
      operator: this.#operator,
      curious: this.#curious,
      losePower: () => this.#losePower(),
    })
    scheduler.onThrown = (thrown) => this.failed(thrown)
  }

  /** An error that nobody caught. */
  failed(thrown: unknown): void {
    const words = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)
    this.violations.broken('program', `nobody caught: ${words}`)
  }

  async run(): Promise<void> {
    for (const process of this.#processes) {
      this.scheduler.after(this.#random.between(0, 300), () => process.start())
    }
    this.#faults.start()
    await this.#runUntil(this.plan.activityMs)
    if (!this.#isBroken()) await this.#comeToRest()
    if (!this.#isBroken()) await this.#judgeAtRest()
  }

  async #comeToRest(): Promise<void> {
    const { trace, scheduler } = this
    trace.note('world', 'no more faults and no new work')
    this.#faults.stop()
    this.#survivors = this.#random.shuffled(this.#processes).slice(0, this.plan.survivors)
    for (const process of this.#processes) {
      if (this.#survivors.includes(process)) {
        if (process.incarnation === undefined) this.#startSoon(process)
      } else process.incarnation?.die('for good')
    }
    const beganMs = scheduler.nowMs
    for (;;) {
      await this.#runUntil(scheduler.nowMs + restStepMs)
      if (this.#isBroken()) return
      this.#superviseAtRest()
      if (scheduler.nowMs - beganMs < lateMessagesMs) continue
      const left = this.#allOpen() ? unfinishedBusiness(this.#remains()) : ['a process is down']
      if (left.length === 0) break
      if (scheduler.nowMs - beganMs < restLimitMs) continue
      const words = left.slice(0, 5).join('; ')
      return this.violations.broken('A10', `without faults the world does not rest: ${words}`)
    }
    trace.note('world', 'is at rest')
  }

  async #judgeAtRest(): Promise<void> {
    const { facts, scheduler } = this
    const { broken } = this.violations
    if (!isAnyAbandoned(this.#surroundings)) {
      const { databases } = this.#resources
      const answeredSoon = (isDone: () => boolean): Promise<void> =>
        this.#runUntil(scheduler.nowMs + probeLimitMs, isDone)
      for (const survivor of this.#survivors) {
        await probe(survivor, { databases, facts, broken, until: answeredSoon })
      }
    }
    judgeAtomicity(facts, broken)
    judgeListed(this.#remains())
    this.#strangers.judge(this.#surroundings)
    judgeMoney(this.#resources, facts, broken)
    const asked = askOutcomes(facts, (log) => this.#holderOf(log), broken)
    await this.#runUntil(scheduler.nowMs + probeLimitMs, asked.areAnswered)
    const { durable } = this.#surroundings
    const keepsAll = this.plan.retention === undefined
    judgeKept(asked, {
      durable,
      keepsAll,
      broken,
      isUnread: (found, decision) => isUnread(found, decision, this.#surroundings),
    })
    countOutcomes(facts, durable, this.coverage.count)
  }

  #process(name: string): Process {
    return new Process({
      name,
      random: this.#random.fork(name),
      surroundings: this.#surroundings,
      onBorn: (incarnation) => this.#incarnations.set(incarnation.name, incarnation),
      onOpen: (process, incarnation) => this.#opened(process, incarnation),
      onEnd: (process) => {
        if (this.#survivors.includes(process)) this.#startSoon(process)
      },
    })
  }

  #startSoon(process: Process): void {
    this.scheduler.after(this.#faults.restartDelayMs(), () => {
      if (process.incarnation === undefined && this.#survivors.includes(process)) process.start()
    })
  }

  #opened(process: Process, incarnation: Incarnation): void {
    const { coordinator } = process
    if (coordinator === undefined) return
    const caller = new Caller({
      surroundings: this.#surroundings,
      random: this.#random.fork(incarnation.name),
      incarnation,
      coordinator,
      isOver: () => this.#faults.isOver || process.coordinator !== coordinator,
      curious: this.#curious,
    })
    this.#callers.add(caller)
    caller.start()
    this.#watchProcess(process, incarnation)
  }

  /** What a supervisor does: a process whose log has failed is ended, and started again (A11). */
  #watchProcess(process: Process, incarnation: Incarnation): void {
    this.scheduler.after(
      this.#random.between(300, 800),
      () => {
        if (process.incarnation !== incarnation || process.coordinator === undefined) return
        this.#judgeVisible(process, incarnation)
        if (!process.hasFailedLog) return this.#watchProcess(process, incarnation)
        if (this.#random.chance(0.5)) void process.close(300)
        else incarnation.die('for its log has failed')
      },
      incarnation,
    )
  }

  #superviseAtRest(): void {
    for (const { coordinator, incarnation } of this.#survivors) {
      if (coordinator === undefined || incarnation === undefined) continue
      this.#operator.settleAll(coordinator, incarnation)
    }
  }

  #judgeVisible({ coordinator }: Process, incarnation: Incarnation): void {
    if (coordinator === undefined) return
    const { owners } = this.#surroundings
    const isHeldHere = (found: TransactionFacts): boolean =>
      owners.holderOf(found.parts.log) === incarnation &&
      hasRead(incarnation.name, found, this.#surroundings)
    judgeVisible(coordinator, isHeldHere, this.#surroundings)
  }

  #losePower(): void {
    const { disk, durable } = this.#surroundings
    this.coverage.count('power loss')
    this.trace.note('machine', 'loses power')
    for (const { incarnation } of this.#processes) incarnation?.die('without power')
    disk.powerLoss()
    durable.changed()
    const torn = countTornTails(disk)
    if (torn > 0) this.coverage.count('torn tail', torn)
  }

  #diskTurn(run: () => void, name: string): void {
    const { diskTurnMs, diskStallChance, diskStallMs } = this.plan
    const isStalled = !this.#faults.isOver && this.#random.chance(diskStallChance)
    const [low, high] = isStalled ? diskStallMs : diskTurnMs
    this.scheduler.after(this.#random.between(low, high), run, this.#incarnations.get(name))
  }

  #holderOf(log: LogIdentity): SimulatedCoordinator | undefined {
    const holder = this.#surroundings.owners.holderOf(log)
    return this.#processes.find(({ incarnation }) => incarnation === holder && holder !== undefined)
      ?.coordinator
  }

  #allOpen(): boolean {
    return this.#survivors.every(({ coordinator }) => coordinator !== undefined)
  }

  #remains(): Remains {
    return {
      surroundings: this.#surroundings,
      coordinators: this.#survivors.flatMap(({ coordinator }) => coordinator ?? []),
      callers: [...this.#callers],
      operator: this.#operator,
    }
  }

  #isBroken(): boolean {
    return this.violations.found.length > 0
  }

  async #runUntil(untilMs: number, isDone: () => boolean = () => false): Promise<void> {
    await this.scheduler.run(untilMs, () => this.#isBroken() || isDone())
  }
}

/** What goes wrong, and when: drawn from the plan while the run is in its active part. */

import { parseBranchId } from '../core/ids.ts'
import type { Database, Life } from './database/database.ts'
import { DecisionFaults } from './decision-faults.ts'
import { DiskFaults } from './disk-faults.ts'
import { sectorBytes } from './disk-file.ts'
import type { Incarnation } from './process/incarnation.ts'
import type { Process } from './process/process.ts'
import type { SeededRandom } from './random.ts'
import type { Service } from './service/service.ts'
import type { Surroundings } from './surroundings.ts'
import type { Curious } from './workload/curious.ts'
import type { Operator } from './workload/operator.ts'

/** How many effects after it was doomed a process dies, at most. */
const effectsToDeathMax = 60
const restartMs: readonly [low: number, high: number] = [50, 1_200]

export interface FaultsOptions {
  readonly surroundings: Surroundings
  readonly random: SeededRandom
  readonly processes: readonly Process[]
  /** By name. */
  readonly incarnations: ReadonlyMap<string, Incarnation>
  readonly operator: Operator
  readonly curious: Curious
  /** Power is lost: every process of the machine dies, and its disk forgets. */
  readonly losePower: () => void
}

type Server = Database | Service

export class Faults {
  readonly #options: FaultsOptions
  readonly #random: SeededRandom
  readonly #diskFaults: DiskFaults
  readonly #decisionFaults: DecisionFaults
  #isOver = false
  #isFull = false

  constructor(options: FaultsOptions) {
    this.#options = options
    this.#random = options.random
    this.#diskFaults = new DiskFaults({ ...options, isOver: () => this.#isOver })
    this.#decisionFaults = new DecisionFaults(options)
  }

  get isOver(): boolean {
    return this.#isOver
  }

  start(): void {
    const { plan, network, disk } = this.#options.surroundings
    network.conditions = plan.network
    network.onDecision = (wire, id) => this.#decisionFaults.at(wire, id)
    disk.fault = (operation) => this.#diskFaults.at(operation)
    this.#every(plan.processCrashMs, () => this.#crashProcess())
    this.#every(plan.processHangMs, () => this.#hangProcess())
    this.#every(plan.processCloseMs, () => this.#closeProcess())
    this.#every(plan.powerLossMs, () => this.#cutPower())
    this.#every(plan.resourceCrashMs, () => this.#crashResource())
    this.#every(plan.resourceHangMs, () => this.#hangResource())
    this.#every(plan.partitionMs, () => this.#cut())
    this.#every(plan.connectionBreakMs, () => network.anyWire()?.break())
    this.#every(plan.byHandMs, () => this.#endByHand())
    this.#every(plan.operatorMs, () => this.#operate())
    this.#every(plan.wallJumpMs, () => this.#jump())
    this.#every(plan.diskFullMs, () => this.#fillDisk())
    this.#every(plan.decisions?.lockLossMs ?? 0, () => this.#decisionFaults.endSession())
  }

  /** From now on nothing goes wrong any more; what is down comes up. */
  stop(): void {
    const { network, disk, databases, services, lastResources } = this.#options.surroundings
    this.#isOver = true
    network.heal()
    network.onDecision = undefined
    disk.capacityBytes = Number.POSITIVE_INFINITY
    for (const server of [...databases, ...services, ...lastResources.map((e) => e.service)]) {
      if (server.life.isDead) server.restart()
      calm(server)
    }
    for (const process of this.#options.processes) process.spare()
  }

  /** How long a process that ended stays down. */
  restartDelayMs(): number {
    return this.#random.between(...restartMs)
  }

  /** At once, or just when something was written and is about to be synced. */
  #cutPower(): void {
    if (this.#random.chance(0.3)) this.#options.losePower()
    else this.#diskFaults.cutPowerAtSync(this.#random.integer(1, 6), this.#random.chance(0.7))
  }

  #crashProcess(): void {
    const { incarnation } = this.#anyProcess()
    if (incarnation === undefined) return
    this.#options.surroundings.coverage.count('process crash')
    if (this.#random.chance(0.3)) incarnation.die('at once')
    else incarnation.dieAtEffect(this.#random.integer(1, effectsToDeathMax))
  }

  #hangProcess(): void {
    this.#options.surroundings.coverage.count('process hang')
    this.#anyProcess().hang(this.#random.between(50, 3_000))
  }

  #closeProcess(): void {
    void this.#anyProcess().close(this.#random.between(50, 1_000))
  }

  #crashResource(): void {
    const server = this.#anyServer()
    if (server.life.isDead) return
    const { scheduler, network, coverage } = this.#options.surroundings
    coverage.count('resource crash')
    const life: Life = server.life
    server.crash()
    network.breakAll(life)
    scheduler.after(this.#random.between(50, 1_500), () => {
      if (server.life.isDead) server.restart()
    })
  }

  #hangResource(): void {
    const { scheduler, coverage } = this.#options.surroundings
    const { life } = this.#anyServer()
    coverage.count('resource hang')
    const untilMs = scheduler.nowMs + this.#random.between(50, 1_200)
    life.pausedUntilMs = Math.max(life.pausedUntilMs, untilMs)
  }

  #cut(): void {
    const { incarnation } = this.#anyProcess()
    const { network } = this.#options.surroundings
    if (incarnation !== undefined) {
      network.cut(incarnation, this.#anyServer().life, this.#random.between(50, 2_000))
    }
  }

  #endByHand(): void {
    const { databases, facts, coverage } = this.#options.surroundings
    const act = this.#random.pick(['commit', 'rollback'] as const)
    const isOurs = (id: string): boolean => facts.ofBranch(id) !== undefined
    const ended = this.#random.pick(databases).finishByHand(act, isOurs)
    if (ended !== undefined && parseBranchId(ended) !== undefined) {
      coverage.count('branch ended by hand')
    }
  }

  #operate(): void {
    const { coordinator, incarnation } = this.#anyProcess()
    if (coordinator === undefined || incarnation === undefined) return
    this.#options.operator.actOnce(coordinator, incarnation)
  }

  #jump(): void {
    const process = this.#anyProcess()
    process.skewMs += this.#random.between(-100_000, 100_000)
    this.#options.surroundings.coverage.count('wall clock jump')
  }

  #fillDisk(): void {
    const { disk, scheduler, coverage, trace } = this.#options.surroundings
    if (this.#isFull) return
    this.#isFull = true
    coverage.count('disk full')
    trace.note('disk', 'is full')
    disk.capacityBytes = disk.usedBytes + this.#random.integer(0, 40) * sectorBytes
    scheduler.after(this.#random.between(100, 2_500), () => {
      this.#isFull = false
      disk.capacityBytes = Number.POSITIVE_INFINITY
      trace.note('disk', 'has room again')
    })
  }

  #anyProcess(): Process {
    return this.#random.pick(this.#options.processes)
  }

  #anyServer(): Server {
    const { databases, services, lastResources } = this.#options.surroundings
    return this.#random.pick<Server>([
      ...databases,
      ...services,
      ...lastResources.map(({ service }) => service),
    ])
  }

  /** Again and again, `meanMs` apart on the average, until the active part ends. */
  #every(meanMs: number, run: () => void): void {
    if (meanMs === 0) return
    const { scheduler } = this.#options.surroundings
    scheduler.after(-Math.log(1 - this.#random.fraction()) * meanMs, () => {
      if (this.#isOver) return
      run()
      this.#every(meanMs, run)
    })
  }
}

/** No vote and no statement is refused by chance any more. */
function calm(server: Server): void {
  if ('prepared' in server) {
    server.conditions = { ...server.conditions, conflictChance: 0, noVoteChance: 0 }
  } else server.refuseChance = 0
}

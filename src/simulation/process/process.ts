/**
 * A process that runs a coordinator over the shared log directory: it starts, dies, is started
 * again, hangs, or closes in order.
 */
import {
  type Coordinator,
  type CoordinatorPorts,
  createCoordinator,
} from '../../coordinator/coordinator.ts'
import type { PendingTransaction } from '../../coordinator/pending.ts'
import { isAssentError, messageOf } from '../../core/errors.ts'
import type { DecisionLog, DecisionLogs } from '../../log/contract.ts'
import type { Participant } from '../../participants/contract.ts'
import { watchedParticipant } from '../checkers/participant-watch.ts'
import type { AccountClient } from '../database/branch.ts'
import type { SeededRandom } from '../random.ts'
import { committingService, reservingService } from '../service/participants.ts'
import type { Surroundings } from '../surroundings.ts'
import type { Rule } from '../violations.ts'
import { Incarnation } from './incarnation.ts'
import { databaseParticipant, logsOf } from './logs.ts'
import { wordsOf } from './words.ts'

export type Accounts = Readonly<Record<string, Participant<AccountClient, number>>>
export type SimulatedCoordinator = Coordinator<Accounts>

export interface ProcessOptions {
  readonly name: string
  readonly random: SeededRandom
  readonly surroundings: Surroundings
  /** A life begins. */
  readonly onBorn: (incarnation: Incarnation) => void
  /** A coordinator is open, in this life. */
  readonly onOpen: (process: Process, incarnation: Incarnation) => void
  /** This life is over, or its coordinator could not be opened. */
  readonly onEnd: (process: Process) => void
}

/** How many effects on disk and network opening has, roughly. */
const effectsOfOpening = 60

/** What opening may reject with, for what the disk and the other processes do to it. */
const expectedOpenFailures: readonly string[] = ['ASSENT_LOG_FAILED', 'ASSENT_LOG_BUSY']

const rules: readonly string[] = [
  'A1',
  'A2',
  'A3',
  'A4',
  'A5',
  'A6',
  'A7',
  'A8',
  'A9',
  'A10',
  'A11',
]

export class Process {
  readonly name: string
  /** The life that is under way. */
  incarnation: Incarnation | undefined
  coordinator: SimulatedCoordinator | undefined
  /** How wrong its wall clock is. */
  skewMs = 0
  readonly #options: ProcessOptions
  readonly #random: SeededRandom
  #lives = 0
  #isSpared = false
  #logs: DecisionLog[] = []

  constructor(options: ProcessOptions) {
    this.#options = options
    this.name = options.name
    this.#random = options.random
  }

  /** Whether a log of this life takes no more: it can only be started again (A11). */
  get hasFailedLog(): boolean {
    return this.#logs.some((log) => log.failure !== undefined)
  }

  /** It never dies by itself any more. */
  spare(): void {
    this.#isSpared = true
    this.incarnation?.spare()
  }

  start(): void {
    const { scheduler, disk, trace, plan } = this.#options.surroundings
    const name = `${this.name}.${this.#lives}`
    this.#lives += 1
    this.#logs = []
    const incarnation: Incarnation = new Incarnation({
      name,
      scheduler,
      random: this.#random.fork(name),
      disk: disk.portFor(name),
      skewMs: () => this.skewMs,
      onDeath: (why) => this.#died(incarnation, why),
    })
    this.incarnation = incarnation
    this.#options.onBorn(incarnation)
    trace.note(name, 'starts')
    if (!this.#isSpared && this.#random.chance(plan.openCrashChance)) {
      incarnation.dieAtEffect(this.#random.integer(1, effectsOfOpening))
    }
    const { adoptIntervalMs } = plan.decisions ?? {}
    createCoordinator(this.#ports(incarnation), {
      ...plan.settings,
      ...(adoptIntervalMs === undefined ? {} : { adoptIntervalMs }),
      resources: this.#resources(incarnation),
    }).then(
      (coordinator) => this.#opened(incarnation, coordinator),
      (failure) => this.#notOpened(incarnation, failure),
    )
  }

  /** Closes the coordinator in order; then the process ends, or stays and does nothing more. */
  async close(timeoutMs: number): Promise<void> {
    const { incarnation, coordinator } = this
    if (incarnation === undefined || coordinator === undefined) return
    const { trace, coverage } = this.#options.surroundings
    this.coordinator = undefined
    trace.note(incarnation.name, 'closes')
    const report = await coordinator.close({ timeoutMs })
    coverage.count('process closed')
    const { undelivered, held, clean } = report
    const words = `${undelivered.length} undelivered, ${held.length} held`
    trace.note(incarnation.name, `is closed${clean ? ' clean' : ''}: ${words}`)
    // What is left holds connections of its own, which nobody gives back but the end of the process.
    const left = coordinator.transactions().filter(({ state }) => state !== 'heuristic')
    this.#judgeReport(incarnation, [...undelivered, ...held], left)
    if (left.length > 0 || this.#random.chance(0.5)) incarnation.die('at its end')
    else if (this.incarnation === incarnation) this.#end()
  }

  /** A10: what was not finished is told to whoever closes. */
  #judgeReport(
    { name, isDead }: Incarnation,
    told: readonly PendingTransaction[],
    left: readonly PendingTransaction[],
  ): void {
    const ids = new Set(told.map(({ id }) => id))
    for (const { id, state } of left) {
      if (isDead || ids.has(id)) continue
      this.#options.surroundings.broken('A10', `${name} closes, ${id} is ${state}, and untold`)
    }
  }

  hang(forMs: number): void {
    const { incarnation } = this
    if (incarnation === undefined || incarnation.isDead) return
    const { scheduler, trace } = this.#options.surroundings
    incarnation.pausedUntilMs = Math.max(incarnation.pausedUntilMs, scheduler.nowMs + forMs)
    trace.note(incarnation.name, `hangs for ${forMs.toFixed(0)} ms`)
  }

  #opened(incarnation: Incarnation, coordinator: SimulatedCoordinator): void {
    if (incarnation.isDead) return
    this.#options.surroundings.trace.note(incarnation.name, 'is open')
    this.coordinator = coordinator
    this.#options.onOpen(this, incarnation)
  }

  #notOpened(incarnation: Incarnation, failure: unknown): void {
    if (incarnation.isDead) return
    const { broken, trace, coverage } = this.#options.surroundings
    trace.note(incarnation.name, `can't open: ${messageOf(failure)}`)
    const code = isAssentError(failure) ? failure.code : undefined
    if (code === 'ASSENT_LOG_CORRUPT' || code === 'ASSENT_LOG_INCOMPATIBLE') {
      broken('log', `${incarnation.name} refuses a log that only crashed: ${messageOf(failure)}`)
    } else if (code === undefined || !expectedOpenFailures.includes(code)) {
      broken('program', `${incarnation.name} can't open: ${stackOf(failure)}`)
    }
    coverage.count('open failed')
    incarnation.die('for it could not open')
  }

  #died(incarnation: Incarnation, why: string): void {
    const { trace, disk, network, scheduler } = this.#options.surroundings
    trace.note(incarnation.name, `dies ${why}`)
    disk.processDied(incarnation.name)
    // Not before the message went out after which it died.
    scheduler.after(0, () => network.breakAll(incarnation))
    if (this.incarnation === incarnation) this.#end()
  }

  #end(): void {
    this.incarnation = undefined
    this.coordinator = undefined
    this.#logs = []
    this.#options.onEnd(this)
  }

  #ports(incarnation: Incarnation): CoordinatorPorts {
    const { clock, timers, random, name } = incarnation
    const { host, trace, coverage } = this.#options.surroundings
    return {
      clock,
      timers,
      backgroundTimers: timers,
      random,
      context: host.context(),
      signals: host.signals,
      events: {
        enabled: true,
        publish: (change) => {
          if (incarnation.isDead) return
          const words = wordsOf(change)
          trace.note(name, words.line)
          if (words.counted !== undefined) coverage.count(words.counted)
        },
      },
      logs: this.#logsOf(incarnation),
      onBroken: (broken) => {
        if (incarnation.isDead) return
        const rule = rules.includes(broken.rule) ? (broken.rule as Rule) : 'program'
        this.#options.surroundings.broken(rule, `${name} stops: ${broken.message}`)
        incarnation.die('of a broken invariant')
      },
    }
  }

  #logsOf(by: Incarnation): DecisionLogs {
    const noted = (log: DecisionLog): void => {
      if (this.incarnation !== by) return
      this.#logs.push(log)
      this.#options.surroundings.onLogOpened(log.identity)
    }
    return logsOf(by, this.#options.surroundings, noted)
  }

  #resources(client: Incarnation): Accounts {
    const { surroundings } = this.#options
    const { network, scheduler, plan, databases, services, lastResources, broken } = surroundings
    const resources: Record<string, Participant<AccountClient, number>> = {}
    for (const database of databases) {
      resources[database.name] = databaseParticipant(client, database, surroundings)
    }
    for (const service of services) {
      resources[service.name] = reservingService({ network, scheduler, client, service })
    }
    for (const { service, hasEvidence } of lastResources) {
      const remote = { network, scheduler, client, service }
      resources[service.name] = committingService(remote, hasEvidence)
    }
    const { facts, owners, durable, coverage, allowedStrangers } = surroundings
    for (const [resource, participant] of Object.entries(resources)) {
      resources[resource] = watchedParticipant(participant, {
        resource,
        by: client,
        facts,
        durable,
        owners,
        broken,
        count: coverage.count,
        isRuledOut: (name, id) => {
          const last = lastResources.find(({ service }) => service.name === name)
          return last?.service.ended.get(id) === 'cancelled'
        },
        areDecisionsCarried: plan.decisions !== undefined,
        allowedStrangers,
      })
    }
    return resources
  }
}

function stackOf(failure: unknown): string {
  return failure instanceof Error ? (failure.stack ?? failure.message) : String(failure)
}

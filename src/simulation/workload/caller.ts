/** The users of one process: they call its coordinator, and remember what they were told. */
import { isAssentError, messageOf } from '../../core/errors.ts'
import type { TransactionId } from '../../core/ids.ts'
import type { Signal } from '../../core/ports.ts'
import { judgeTold } from '../checkers/atomicity.ts'
import type { Told } from '../checkers/facts.ts'
import { judgeAnswerOf } from '../checkers/outcomes.ts'
import type { Incarnation } from '../process/incarnation.ts'
import type { SimulatedCoordinator } from '../process/process.ts'
import { SeededRandom } from '../random.ts'
import type { Surroundings } from '../surroundings.ts'
import type { Curious } from './curious.ts'
import { drawExecution, runExecution } from './execution.ts'
import { drawTransfer, type ResourceNames, type Transfer } from './transfer.ts'
import { runTransfer, WorkFailed } from './work.ts'

/** Errors that a call may end with, though nothing is wrong with the program. */
const expectedCodes: readonly string[] = [
  'ASSENT_ABORTED_BY_VOTE',
  'ASSENT_TIMED_OUT',
  'ASSENT_CANCELLED',
  'ASSENT_OUTCOME_UNKNOWN',
  'ASSENT_HEURISTIC',
  'ASSENT_RESULTS_LOST',
  'ASSENT_TRANSACTION_OVER',
  'ASSENT_TRANSACTION_DOOMED',
  'ASSENT_WORK_NOT_AWAITED',
  'ASSENT_RESOURCE_UNAVAILABLE',
  'ASSENT_OVERLOADED',
  'ASSENT_COORDINATOR_CLOSED',
  'ASSENT_LOG_FAILED',
]

export interface CallerOptions {
  readonly surroundings: Surroundings
  readonly random: SeededRandom
  readonly incarnation: Incarnation
  readonly coordinator: SimulatedCoordinator
  /** Whether the time for new work has passed. */
  readonly isOver: () => boolean
  readonly curious: Curious
}

interface Call {
  readonly transfer: Transfer
  readonly name: string
  /** Of every attempt, as they are given out. */
  readonly ids: TransactionId[]
  readonly isInner: boolean
}

export class Caller {
  readonly #options: CallerOptions
  readonly #names: ResourceNames
  /** Undefined where no transfer is executed. */
  readonly #executions: SeededRandom | undefined
  #calls = 0
  /** Calls that were not answered yet. */
  readonly waiting: Set<string> = new Set()

  constructor(options: CallerOptions) {
    this.#options = options
    const { databases, services, lastResources, plan } = options.surroundings
    const { batches } = plan
    this.#executions = batches && new SeededRandom(batches.seed, options.incarnation.name)
    this.#names = {
      databases: databases.map(({ name }) => name),
      services: services.map(({ name }) => name),
      lastResources: lastResources.map(({ service }) => service.name),
    }
  }

  get incarnation(): Incarnation {
    return this.#options.incarnation
  }

  start(): void {
    const { surroundings, random, incarnation, isOver } = this.#options
    const { plan, scheduler } = surroundings
    const next = (): void => {
      const pauseMs = -Math.log(1 - random.fraction()) * plan.arrivalMs
      scheduler.after(
        pauseMs,
        () => {
          if (isOver() || this.#calls >= plan.callsMax) return
          void this.call(this.#drawTransfer())
          next()
        },
        incarnation,
      )
    }
    next()
  }

  #drawTransfer(): Transfer {
    const { surroundings, random } = this.#options
    const { plan } = surroundings
    const transfer = drawTransfer(random, this.#names, plan)
    if (this.#executions === undefined || plan.batches === undefined) return transfer
    const inner = transfer.inner && drawExecution(this.#executions, plan.batches, transfer.inner)
    return drawExecution(this.#executions, plan.batches, { ...transfer, inner })
  }

  /** One call, and what its caller does with the answer. Never rejects. */
  async call(transfer: Transfer, isInner = false): Promise<void> {
    const { surroundings, random, incarnation } = this.#options
    const { scheduler, trace, host } = surroundings
    this.#calls += 1
    const name = `${incarnation.name}#${this.#calls}`
    trace.note(incarnation.name, `call ${this.#calls}: ${wordsOf(transfer)}`)
    const ids: TransactionId[] = []
    const abortable = transfer.abortAfterMs === undefined ? undefined : host.signals()
    if (abortable !== undefined) {
      const abort = (): void => abortable.abort(new Error('the caller gives up'))
      scheduler.after(transfer.abortAfterMs ?? 0, abort, incarnation)
    }
    this.waiting.add(name)
    let told: Told
    try {
      told = await this.#run({ transfer, name, ids, isInner }, abortable?.signal as Signal)
    } catch (error) {
      told = this.#failure(name, error)
    }
    this.waiting.delete(name)
    if (incarnation.isDead) return
    this.#answered(name, ids, told)
    if (transfer.form === 'execute') this.#countExecuted(told)
    const askAfterMs = random.between(0, 1_500)
    scheduler.after(askAfterMs, () => this.#askOutcomes(ids), incarnation)
  }

  /** Runs it as its form says; rejects with what its caller is told. */
  async #run({ transfer, name, ids, isInner }: Call, signal: Signal | undefined): Promise<Told> {
    const { surroundings, random, incarnation, coordinator, curious } = this.#options
    const { facts, broken, coverage } = surroundings
    const onBegun = (begun: TransactionId): void => {
      ids.push(begun)
      const { curiousChance = 0 } = surroundings.plan.decisions ?? {}
      if (curiousChance > 0 && random.chance(curiousChance)) curious.askAbout(begun)
    }
    const shared = { coordinator, facts, onBegun, isInner, broken }
    if (transfer.form === 'execute') {
      const results = await runExecution(transfer, { ...shared, sender: name }, signal)
      // It is not told whether every branch had acknowledged.
      return { how: 'committed', settled: false, results }
    }
    const inner = (other: Transfer): Promise<void> => this.call(other, true)
    const options = { ...shared, incarnation, inner, count: coverage.count }
    const { id, settled } = await runTransfer(transfer, options, signal)
    if (id !== ids.at(-1)) broken('program', `${name} is told of ${id}, not of ${ids}`)
    return { how: 'committed', settled }
  }

  #countExecuted(told: Told): void {
    const { coverage } = this.#options.surroundings
    coverage.count(`execute told ${told.how === 'committed' ? told.how : told.effect}`)
    if (told.how === 'failed' && told.code.startsWith('the database answered')) {
      coverage.count('execute failed by a statement')
    }
  }

  #failure(name: string, error: unknown): Told {
    const { broken, coverage } = this.#options.surroundings
    if (!isAssentError(error)) {
      const isTheUsers = error instanceof WorkFailed || hasCode(error)
      if (!isTheUsers) broken('program', `${name} fails with ${stackOf(error)}`)
      return { how: 'failed', effect: 'none', code: messageOf(error) }
    }
    if (!expectedCodes.includes(error.code)) {
      broken('program', `${name} fails with ${error.code}: ${error.message}`)
    }
    coverage.count(error.code)
    return { how: 'failed', effect: error.effect, code: error.code }
  }

  #answered(name: string, ids: readonly TransactionId[], told: Told): void {
    const { surroundings, incarnation } = this.#options
    const { facts, trace, coverage, broken } = surroundings
    const words = told.how === 'committed' ? told.how : `${told.effect} (${told.code})`
    trace.note(incarnation.name, `${name} is told ${words}: ${ids.join(', ')}`)
    coverage.count(`told ${told.how === 'committed' ? told.how : told.effect}`)
    ids.forEach((id, index) => {
      const found = facts.get(id)
      if (found === undefined) return
      const isLast = index === ids.length - 1
      // What was tried before the last attempt left nothing behind.
      judgeTold(found, isLast ? told : { how: 'failed', effect: 'none', code: 'retried' }, broken)
    })
  }

  #askOutcomes(ids: readonly TransactionId[]): void {
    const { surroundings, coordinator, incarnation } = this.#options
    const { facts, broken } = surroundings
    for (const id of ids) {
      const found = facts.get(id)
      if (found === undefined) continue
      coordinator.outcome(id).then(
        (answer) => judgeAnswerOf(incarnation, found, answer, surroundings),
        (failure) => broken('program', `outcome of ${id}: ${stackOf(failure)}`),
      )
    }
  }
}

function hasCode(error: unknown): boolean {
  return error instanceof Error && ('code' in error || /no connection|closed/.test(error.message))
}

function wordsOf(transfer: Transfer): string {
  const { form, legs, fault, nested, timeoutMs, abortAfterMs, executesInside } = transfer
  const moves = legs.map(({ resource, account, amount }) => `${resource}.${account} ${amount}`)
  const more = [
    executesInside ? 'executed inside' : '',
    fault === 'none' ? '' : fault,
    nested === undefined ? '' : `nested${nested.throws ? ' and failing' : ''}`,
    timeoutMs === undefined ? '' : `within ${timeoutMs.toFixed(0)} ms`,
    abortAfterMs === undefined ? '' : `aborted after ${abortAfterMs.toFixed(0)} ms`,
  ].filter((each) => each !== '')
  return [`${form} ${moves.join(', ')}`, ...more].join(', ')
}

function stackOf(failure: unknown): string {
  return failure instanceof Error ? (failure.stack ?? failure.message) : String(failure)
}

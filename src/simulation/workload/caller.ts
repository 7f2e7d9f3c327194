/** The users of one process: they call its coordinator, and remember what they were told. */
import { isAssentError, messageOf } from '../../core/errors.ts'
import type { TransactionId } from '../../core/ids.ts'
import type { Signal } from '../../core/ports.ts'
import { judgeTold } from '../checkers/atomicity.ts'
import type { Told } from '../checkers/facts.ts'
import { judgeAnswer } from '../checkers/outcomes.ts'
import type { Incarnation } from '../process/incarnation.ts'
import type { SimulatedCoordinator } from '../process/process.ts'
import type { SeededRandom } from '../random.ts'
import type { Surroundings } from '../surroundings.ts'
import type { Curious } from './curious.ts'
import { drawTransfer, type ResourceNames, type Transfer } from './transfer.ts'
import { runTransfer, WorkFailed } from './work.ts'

/** Errors that a call may end with, though nothing is wrong with the program. */
const expectedCodes: readonly string[] = [
  'ASSENT_ABORTED_BY_VOTE',
  'ASSENT_TIMED_OUT',
  'ASSENT_CANCELLED',
  'ASSENT_OUTCOME_UNKNOWN',
  'ASSENT_HEURISTIC',
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

export class Caller {
  readonly #options: CallerOptions
  readonly #names: ResourceNames
  #calls = 0
  /** Calls that were not answered yet. */
  readonly waiting: Set<string> = new Set()

  constructor(options: CallerOptions) {
    this.#options = options
    const { databases, services, lastResources } = options.surroundings
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
          void this.call(drawTransfer(random, this.#names, plan))
          next()
        },
        incarnation,
      )
    }
    next()
  }

  /** One call, and what its caller does with the answer. Never rejects. */
  async call(transfer: Transfer, isInner = false): Promise<void> {
    const { surroundings, random, incarnation, coordinator, curious } = this.#options
    const { scheduler, trace, facts, host } = surroundings
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
      const { id, settled } = await runTransfer(
        transfer,
        {
          coordinator,
          incarnation,
          facts,
          onBegun: (begun) => {
            ids.push(begun)
            const { curiousChance = 0 } = surroundings.plan.decisions ?? {}
            if (curiousChance > 0 && random.chance(curiousChance)) curious.askAbout(begun)
          },
          inner: (inner) => this.call(inner, true),
          isInner,
        },
        abortable?.signal as Signal | undefined,
      )
      told = { how: 'committed', settled }
      if (id !== ids.at(-1))
        surroundings.broken('program', `${name} is told of ${id}, not of ${ids}`)
    } catch (error) {
      told = this.#failure(name, error)
    }
    this.waiting.delete(name)
    if (incarnation.isDead) return
    this.#answered(name, ids, told)
    const askAfterMs = random.between(0, 1_500)
    scheduler.after(askAfterMs, () => this.#askOutcomes(ids), incarnation)
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
    const { surroundings, coordinator } = this.#options
    const { facts, broken } = surroundings
    for (const id of ids) {
      const found = facts.get(id)
      if (found === undefined) continue
      coordinator.outcome(id).then(
        (answer) => judgeAnswer(found, answer, broken),
        (failure) => broken('program', `outcome of ${id}: ${stackOf(failure)}`),
      )
    }
  }
}

function hasCode(error: unknown): boolean {
  return error instanceof Error && ('code' in error || /no connection|closed/.test(error.message))
}

function wordsOf({ form, legs, fault, nested, timeoutMs, abortAfterMs }: Transfer): string {
  const moves = legs.map(({ resource, account, amount }) => `${resource}.${account} ${amount}`)
  const more = [
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

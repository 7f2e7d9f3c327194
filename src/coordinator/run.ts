/**
 * Runs a user's work as one transaction, from begin to what its caller is told.
 *
 * Keeps A6 at the face: a commit whose answer was lost is `ASSENT_OUTCOME_UNKNOWN`, never a plain
 * failure. Once committed, a time-out or a signal changes nothing.
 */
import { AssentError, isAssentError } from '../core/errors.ts'
import type { TransactionId } from '../core/ids.ts'
import type { Context, Signal, SignalSource } from '../core/ports.ts'
import type { Book } from './book.ts'
import type { Deadline } from './deadlines.ts'
import type { Engine } from './engine.ts'
import { doomed, timedOut } from './failures.ts'
import type { LiveTransaction, Watcher } from './live-transaction.ts'
import type { TransactionOptions } from './options.ts'
import type { ProtocolName } from './recordable.ts'
import { Scope } from './scope.ts'

/** A committed transaction. */
export interface Transacted<Value> {
  /** What the work returned. */
  readonly value: Value
  /** Undefined where the work ran without a transaction. */
  readonly id: TransactionId | undefined
  /** How it was committed; undefined where the transaction around the call has yet to be. */
  readonly protocol: ProtocolName | undefined
  /** Whether every branch had acknowledged; if not, delivery goes on behind the caller. */
  readonly settled: boolean
}

/** Resources count whole milliseconds. */
const roundingMs = 1

export interface Runner {
  readonly engine: Engine
  readonly book: Book
  readonly context: Context<Scope>
  readonly signals: SignalSource
}

export async function runTransaction<Value>(
  runner: Runner,
  work: (scope: Scope) => Promise<Value>,
  options: TransactionOptions,
  begun?: (live: LiveTransaction) => void,
): Promise<Transacted<Value>> {
  const { engine, book, signals } = runner
  const { signal, settleWaitMs = engine.settings.settleWaitMs } = options
  if (signal?.aborted) throw cancelled(undefined, signal)
  const live = engine.begin(book, options.timeoutMs ?? engine.settings.timeoutMs)
  begun?.(live)
  const scope = new Scope(engine, signals, live, options)
  const stopListening = signal && abortOn(signal, engine, live)
  try {
    const value = await interruptible(runner, scope, work)
    const doom = scope.doomedBy
    if (doom === undefined) engine.commit(live, scope.pending)
    else engine.abort(live, doomed(live.id, doom.cause))
    await new Settling(engine, live, settleWaitMs).ended
    throwUnlessCommitted(live)
    const { id, protocol, settled } = live
    return { value, id, protocol, settled }
  } catch (error) {
    if (live.conclusion === undefined) {
      engine.abort(live, isTimeOver(engine, live, error) ? timedOut(live, error) : error)
      await new Settling(engine, live, settleWaitMs).ended
      throwUnlessCommitted(live)
    }
    throw error
  } finally {
    stopListening?.()
  }
}

/**
 * Whether the work failed because its time was over. A resource's own limits end with it, and where
 * the resource is told first, the work throws the resource's error.
 */
export function isTimeOver(
  { clock }: Engine,
  { deadlineMs }: LiveTransaction,
  error: unknown,
): boolean {
  return !isAssentError(error) && clock.monotonicMs() >= deadlineMs - roundingMs
}

/** Rolls back when the caller's signal fires, unless it is too late; answers how to stop that. */
function abortOn(signal: Signal, engine: Engine, live: LiveTransaction): () => void {
  const onAbort = (): void => engine.abort(live, cancelled(live.id, signal))
  signal.addEventListener('abort', onAbort, { once: true })
  return () => signal.removeEventListener('abort', onAbort)
}

/** Runs the work; rejects as soon as the transaction is rolled back, without waiting for it. */
function interruptible<Value>(
  { context }: Runner,
  scope: Scope,
  work: (scope: Scope) => Promise<Value>,
): Promise<Value> {
  const { live } = scope
  return new Promise((resolve, reject) => {
    live.onInterrupt = () => {
      scope.interrupt(live.cause)
      reject(live.cause)
    }
    context.run(scope, () => work(scope)).then(resolve, reject)
  })
}

/** Waits until a transaction has settled, or is concluded and `settleWaitMs` have passed. */
class Settling implements Watcher {
  readonly ended: Promise<void>
  readonly #engine: Engine
  readonly #live: LiveTransaction
  readonly #settleWaitMs: number
  #end: () => void = () => undefined
  #timer: Deadline | undefined

  constructor(engine: Engine, live: LiveTransaction, settleWaitMs: number) {
    this.#engine = engine
    this.#live = live
    this.#settleWaitMs = settleWaitMs
    this.ended = new Promise((resolve) => {
      this.#end = resolve
    })
    live.watcher = this
    if (live.conclusion !== undefined) this.concluded()
  }

  concluded(): void {
    const { conclusion, settled } = this.#live
    if (settled || conclusion?.decision === 'unknown' || this.#settleWaitMs === 0) {
      return this.settled()
    }
    this.#timer ??= this.#engine.deadlines.setAwaited(this.#settleWaitMs, () => this.settled())
  }

  settled(): void {
    if (this.#timer !== undefined) this.#engine.deadlines.clear(this.#timer)
    this.#live.watcher = undefined
    this.#end()
  }
}

function throwUnlessCommitted(live: LiveTransaction): void {
  const { conclusion, heuristics, id, cause } = live
  const decision = conclusion?.decision ?? 'unknown'
  if (decision === 'unknown') {
    const lostCause = conclusion !== undefined && 'cause' in conclusion ? conclusion.cause : cause
    throw new AssentError(
      'ASSENT_OUTCOME_UNKNOWN',
      `nobody can tell yet how transaction ${id} ended`,
      { id },
      { cause: lostCause },
    )
  }
  if (heuristics.length > 0) {
    const ends = heuristics.map(({ resource, kind }) => `${resource}: ${kind}`).join(', ')
    throw new AssentError(
      'ASSENT_HEURISTIC',
      `transaction ${id} was ${decision}, but not everywhere (${ends})`,
      { id, decision, heuristics },
      { cause },
    )
  }
  if (decision === 'aborted') throw cause
}

/** The error of a caller's own abort signal; without an id where nothing was begun. */
export function cancelled(id: TransactionId | undefined, signal: Signal): AssentError {
  const message = 'the caller cancelled the transaction before its decision'
  return new AssentError('ASSENT_CANCELLED', message, { id }, { cause: signal.reason })
}

/**
 * Runs a user's work as one transaction, from begin to what its caller is told.
 *
 * Keeps A6 at the face: a commit whose answer was lost is `ASSENT_OUTCOME_UNKNOWN`, never a plain
 * failure. Once committed, a time-out or a signal changes nothing.
 */
import { AssentError } from '../core/errors.ts'
import type { TransactionId } from '../core/ids.ts'
import type { Context, Signal, SignalSource } from '../core/ports.ts'
import type { Book, ProtocolName } from './book.ts'
import type { Engine } from './engine.ts'
import { doomed } from './failures.ts'
import type { LiveTransaction } from './live-transaction.ts'
import type { TransactionOptions } from './options.ts'
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
): Promise<Transacted<Value>> {
  const { engine, book, context, signals } = runner
  const { signal, settleWaitMs = engine.settings.settleWaitMs } = options
  if (signal?.aborted) throw cancelled(undefined, signal)
  const live = engine.begin(book, options.timeoutMs ?? engine.settings.timeoutMs)
  const scope = new Scope(engine, signals, live, options)
  const onAbort = (): void => {
    if (signal !== undefined) engine.abort(live, cancelled(live.id, signal))
  }
  try {
    signal?.addEventListener('abort', onAbort, { once: true })
    const value = await interruptible(live, scope, () => context.run(scope, () => work(scope)))
    const doom = scope.doomedBy
    if (doom === undefined) engine.commit(live, scope.pending)
    else engine.abort(live, doomed(live.id, doom.cause))
    await concluded(engine, live, settleWaitMs)
    throwUnlessCommitted(live)
    const { id, protocol, settled } = live
    return { value, id, protocol, settled }
  } catch (error) {
    if (live.conclusion === undefined) {
      engine.abort(live, error)
      await concluded(engine, live, settleWaitMs)
      throwUnlessCommitted(live)
    }
    throw error
  } finally {
    signal?.removeEventListener('abort', onAbort)
  }
}

/** Runs the work; rejects as soon as the transaction is rolled back, without waiting for it. */
function interruptible<Value>(
  live: LiveTransaction,
  scope: Scope,
  work: () => Promise<Value>,
): Promise<Value> {
  return new Promise((resolve, reject) => {
    live.onInterrupt = () => {
      scope.interrupt(live.cause)
      reject(live.cause)
    }
    work().then(resolve, reject)
  })
}

/** Resolves once the transaction has settled, or is concluded and `settleWaitMs` have passed. */
function concluded(engine: Engine, live: LiveTransaction, settleWaitMs: number): Promise<void> {
  return new Promise((resolve) => {
    let timer: ReturnType<Engine['deadlines']['set']> | undefined
    const done = (): void => {
      if (timer !== undefined) engine.deadlines.clear(timer)
      live.watcher = undefined
      resolve()
    }
    const watcher = {
      concluded: () => {
        const isTold = live.conclusion?.decision === 'unknown' || settleWaitMs === 0
        if (isTold || live.settled) done()
        else timer ??= engine.deadlines.set(settleWaitMs, done, { atStop: true })
      },
      settled: done,
    }
    live.watcher = watcher
    if (live.conclusion !== undefined) watcher.concluded()
  })
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

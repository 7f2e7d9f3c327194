/**
 * Closes a coordinator: nothing that is under way is dropped (A10). What can't be finished in time
 * is reported, and the next process that opens the log goes on with it.
 */
import { AssentError } from '../core/errors.ts'
import { carrierOf } from '../protocol/two-phase/state.ts'
import { isProvedEmpty, type Parts } from './open.ts'
import { describeLive, type PendingTransaction } from './pending.ts'
import { limitOrNone } from './settings.ts'

export interface CloseReport {
  /** Decided, and not acknowledged everywhere. */
  readonly undelivered: readonly PendingTransaction[]
  /** Held or in doubt. */
  readonly held: readonly PendingTransaction[]
  /** Nothing of this process is left anywhere. */
  readonly clean: boolean
}

export class Closing {
  readonly #parts: Parts
  readonly #beforeRelease: (() => Promise<void>) | undefined
  #report: Promise<CloseReport> | undefined

  constructor(parts: Parts, beforeRelease?: () => Promise<void>) {
    this.#parts = parts
    this.#beforeRelease = beforeRelease
  }

  /** Throws `ASSENT_COORDINATOR_CLOSED` once closing has begun. */
  refuseIfClosing(): void {
    if (this.#report !== undefined) throw closed()
  }

  /** Called again, it answers the same report. */
  async close(timeoutMs: number): Promise<CloseReport> {
    limitOrNone('timeoutMs', timeoutMs)
    this.#report ??= this.#close(timeoutMs)
    return this.#report
  }

  async #close(timeoutMs: number): Promise<CloseReport> {
    const { engine, books, sweep, checks, openedMs } = this.#parts
    await this.#until(() => this.#isIdle(), timeoutMs)
    for (const live of engine.live.values()) engine.abort(live, closed())
    // Their rollbacks get as long again as one attempt to deliver takes.
    if (engine.active > 0 || !this.#isIdle()) {
      await this.#until(() => this.#isIdle(), Math.min(timeoutMs, engine.settings.settleWaitMs))
    }
    checks.stop()
    sweep.stop()
    books.stop()
    // Whatever becomes of it, the log must be given up, or its slot stays taken.
    await this.#beforeRelease?.().catch(() => undefined)
    const clean = isProvedEmpty(this.#parts, books.own, openedMs)
    const live = [...engine.live.values()]
    await books.closeAdopted((book, sinceMs) => isProvedEmpty(this.#parts, book, sinceMs))
    engine.deadlines.stop()
    try {
      await books.closeOwn(clean)
    } finally {
      await Promise.allSettled([...engine.resources.all()].map((each) => each.participant.close()))
    }
    // Not sooner: what was being decided or committed is in doubt, or held, since nobody waits for it.
    const left = live.map(describeLive)
    return {
      undelivered: left.filter(({ state }) => state === 'committing' || state === 'rolling-back'),
      held: left.filter(({ state }) => state === 'held' || state === 'in-doubt'),
      clean,
    }
  }

  /** Nothing is left that time could finish. */
  #isIdle(): boolean {
    return !this.#parts.engine.live.some(({ state, book }) => {
      if (state.phase === 'held') return carrierOf(state) >= 0 && book.log.failure === undefined
      return state.phase !== 'in-doubt'
    })
  }

  #until(condition: () => boolean, timeoutMs: number): Promise<void> {
    const { engine } = this.#parts
    return new Promise((resolve) => {
      if (condition() || timeoutMs === 0) return resolve()
      const done = (): void => {
        engine.onOver = undefined
        engine.deadlines.clear(timer)
        resolve()
      }
      const timer = engine.deadlines.set(timeoutMs, done)
      engine.onOver = () => {
        if (condition()) done()
      }
    })
  }
}

function closed(): AssentError {
  return new AssentError('ASSENT_COORDINATOR_CLOSED', 'the coordinator is closing or closed', {})
}

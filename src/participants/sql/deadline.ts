/** Bounds on waiting: a server that hangs must not hang us. */
import { bounded } from '../../core/bounded.ts'
import type { Timer, Timers } from '../../core/ports.ts'

/**
 * The result of `work`, or a rejection with `NoAnswer` once `limitMs` have passed. `work` goes on;
 * whoever bounds it sees to what it may still bring.
 */
export function within<Result>(
  timers: Timers,
  limitMs: number,
  what: string,
  work: Promise<Result>,
): Promise<Result> {
  return bounded(timers, limitMs, work, () => `${what}: no answer within ${Math.round(limitMs)} ms`)
}

/** Resolves after `delayMs`. */
export function pause(timers: Timers, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    timers.set(delayMs, resolve)
  })
}

/** Runs once, unless cleared before. */
export class Alarm {
  readonly #timers: Timers
  #timer: Timer | undefined

  constructor(timers: Timers) {
    this.#timers = timers
  }

  set(delayMs: number, run: () => void): void {
    this.clear()
    this.#timer = this.#timers.set(delayMs, run)
  }

  clear(): void {
    if (this.#timer !== undefined) this.#timers.clear(this.#timer)
    this.#timer = undefined
  }
}

/** Bounds on waiting: a server that hangs must not hang us. */
import type { Timer, Timers } from '../../core/ports.ts'

/** Nobody answered within the time that we wait. */
export class NoAnswer extends Error {
  override readonly name = 'NoAnswer'
}

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
  return new Promise((resolve, reject) => {
    const timer = timers.set(limitMs, () => {
      reject(new NoAnswer(`${what}: no answer within ${Math.round(limitMs)} ms`))
    })
    work.then(
      (result) => {
        timers.clear(timer)
        resolve(result)
      },
      (cause: unknown) => {
        timers.clear(timer)
        reject(cause)
      },
    )
  })
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

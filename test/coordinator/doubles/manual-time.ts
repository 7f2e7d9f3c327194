/** Time that passes only when a test says so: the ports `Clock` and `Timers`. */
import type { Clock, Timer, Timers } from '../../../src/core/ports.ts'

interface Pending {
  readonly atMs: number
  readonly process: { readonly isDead: boolean }
  readonly run: () => void
}

export class ManualTime implements Clock {
  #nowMs = 0
  readonly #pending = new Set<Pending>()
  /** How many timers were ever set; what costs nothing sets none. */
  timersSet = 0

  monotonicMs(): number {
    return this.#nowMs
  }

  wallMs(): number {
    return 1_700_000_000_000 + this.#nowMs
  }

  /** How many timers wait. */
  get waiting(): number {
    return this.#pending.size
  }

  /** Timers of one process: silent once it is dead. */
  timersOf(process: { readonly isDead: boolean }): Timers {
    return {
      set: (delayMs, run) => {
        this.timersSet += 1
        const pending = { atMs: this.#nowMs + delayMs, process, run }
        this.#pending.add(pending)
        return pending as unknown as Timer
      },
      clear: (timer) => void this.#pending.delete(timer as unknown as Pending),
      soon: (run) => void Promise.resolve().then(run),
    }
  }

  /** Lets time pass, timer by timer; whatever each one sets off goes on before the next. */
  async advance(byMs: number): Promise<void> {
    const untilMs = this.#nowMs + byMs
    await promisesSettled()
    for (let next = this.#next(untilMs); next !== undefined; next = this.#next(untilMs)) {
      this.#pending.delete(next)
      this.#nowMs = Math.max(this.#nowMs, next.atMs)
      next.run()
      await promisesSettled()
    }
    this.#nowMs = untilMs
  }

  /** The clock goes on, and no timer runs: the process was stopped, or is busy. */
  stall(byMs: number): Promise<void> {
    this.#nowMs += byMs
    return promisesSettled()
  }

  #next(untilMs: number): Pending | undefined {
    let earliest: Pending | undefined
    for (const pending of this.#pending) {
      if (pending.atMs > untilMs || pending.process.isDead) continue
      if (earliest === undefined || pending.atMs < earliest.atMs) earliest = pending
    }
    return earliest
  }
}

/** Resolves once every promise that can settle without time passing has settled. */
export async function promisesSettled(): Promise<void> {
  // Node runs the queue of nextTick only when the queue of promise reactions is empty. What is run
  // may itself wait like this, so one round is not enough.
  for (let round = 0; round < 5; round += 1) {
    await new Promise<void>((resolve) => process.nextTick(resolve))
  }
}

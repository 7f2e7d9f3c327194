/**
 * The log of a simulated resource: forced writes that take time, end in their order, and of which a
 * crash keeps any first part, though nobody was told.
 */
import type { SeededRandom } from '../random.ts'
import type { Place, Scheduler } from '../scheduler.ts'

interface Pending {
  /** What is so once the write is durable. */
  readonly apply: () => void
  /** Tells who waits; not called after a crash. */
  readonly done: () => void
}

export class ForcedWrites {
  readonly #scheduler: Scheduler
  readonly #random: SeededRandom
  readonly #durationMs: readonly [low: number, high: number]
  #pending: Pending[] = []
  #endMs = 0

  constructor(
    scheduler: Scheduler,
    random: SeededRandom,
    durationMs: readonly [low: number, high: number],
  ) {
    this.#scheduler = scheduler
    this.#random = random
    this.#durationMs = durationMs
  }

  force(place: Place, apply: () => void, done: () => void): void {
    const pending: Pending = { apply, done }
    this.#pending.push(pending)
    const [low, high] = this.#durationMs
    const endMs = Math.max(this.#endMs, this.#scheduler.nowMs + this.#random.between(low, high))
    this.#endMs = endMs
    this.#scheduler.after(
      endMs - this.#scheduler.nowMs,
      () => {
        if (!this.#pending.includes(pending)) return // a crash came first
        this.#pending = this.#pending.filter((each) => each !== pending)
        apply()
        done()
      },
      place,
    )
  }

  /** The resource dies: what was being written is durable up to some point. */
  crash(): void {
    const kept = this.#random.integer(0, this.#pending.length)
    for (const { apply } of this.#pending.slice(0, kept)) apply()
    this.#pending = []
    this.#endMs = 0
  }
}

/**
 * Virtual time: a queue of events, each of which runs at its time and not before all promise
 * reactions of the event before it have run.
 *
 * So between two events the world stands still, and one order of events is the whole of what a run
 * did. A place may be paused (a process that hangs: what would reach it waits until it wakes) or
 * dead (what would reach it is lost).
 */

/** Where events happen: a process, a database. */
export interface Place {
  readonly name: string
  /** Nothing reaches it any more. */
  readonly isDead: boolean
  /** It stands still until then; in the past or 0 when it runs. */
  readonly pausedUntilMs: number
}

/** A place that acts upon others. */
export interface Actor extends Place {
  /** Asked before each effect on the world; false when it is dead, also from this very moment on. */
  act(what: string): boolean
}

export interface Scheduled {
  atMs: number
  order: number
  readonly place: Place | undefined
  /** Undefined once it has run, or was cancelled. */
  run: (() => void) | undefined
}

/** Resolves once every promise reaction that is due has run. */
export type Quiesce = () => Promise<void>

export class Scheduler {
  /** Called with what an event threw. */
  onThrown: (thrown: unknown) => void = (thrown) => {
    throw thrown
  }
  readonly #quiesce: Quiesce
  /** A binary heap; the earliest is first. */
  readonly #heap: Scheduled[] = []
  /** What waits for a place that stands still, in the order in which it came. */
  readonly #held = new Map<Place, Scheduled[]>()
  #order = 0
  #nowMs = 0
  #events = 0

  constructor(quiesce: Quiesce) {
    this.#quiesce = quiesce
  }

  get nowMs(): number {
    return this.#nowMs
  }

  /** Events that have run. */
  get events(): number {
    return this.#events
  }

  /** Runs `run` after `delayMs`, at `place` if one is given. */
  after(delayMs: number, run: () => void, place?: Place): Scheduled {
    const atMs = this.#nowMs + Math.max(0, delayMs)
    this.#order += 1
    const scheduled: Scheduled = { atMs, order: this.#order, place, run }
    this.#push(scheduled)
    return scheduled
  }

  cancel(scheduled: Scheduled): void {
    scheduled.run = undefined
  }

  /** Runs events until `untilMs`, or until `isDone` says so after one of them. */
  async run(untilMs: number, isDone: () => boolean = () => false): Promise<void> {
    for (let next = this.#heap[0]; next !== undefined; next = this.#heap[0]) {
      if (next.atMs > untilMs) break
      this.#pop()
      const { run, place } = next
      if (run === undefined || place?.isDead) continue
      if (place !== undefined && place.pausedUntilMs > next.atMs) {
        this.#hold(place, next)
        continue
      }
      this.#nowMs = next.atMs
      next.run = undefined
      this.#events += 1
      try {
        run()
      } catch (thrown) {
        this.onThrown(thrown)
      }
      await this.#quiesce()
      if (isDone()) return
    }
    if (Number.isFinite(untilMs)) this.#nowMs = Math.max(this.#nowMs, untilMs)
  }

  #hold(place: Place, scheduled: Scheduled): void {
    const held = this.#held.get(place)
    if (held !== undefined) held.push(scheduled)
    else {
      this.#held.set(place, [scheduled])
      this.#wakeLater(place)
    }
  }

  #wakeLater(place: Place): void {
    this.after(place.pausedUntilMs - this.#nowMs, () => {
      // It may stand still for longer by now.
      if (place.pausedUntilMs > this.#nowMs) return this.#wakeLater(place)
      const held = this.#held.get(place) ?? []
      this.#held.delete(place)
      for (const scheduled of held) {
        this.#order += 1
        scheduled.atMs = this.#nowMs
        scheduled.order = this.#order
        this.#push(scheduled)
      }
    })
  }

  #push(scheduled: Scheduled): void {
    const heap = this.#heap
    let index = heap.length
    heap.push(scheduled)
    while (index > 0) {
      const parent = (index - 1) >> 1
      const above = heap[parent] as Scheduled
      if (!isBefore(scheduled, above)) break
      heap[index] = above
      index = parent
    }
    heap[index] = scheduled
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop() as Scheduled
    if (heap.length === 0) return
    let index = 0
    for (;;) {
      let child = 2 * index + 1
      if (child >= heap.length) break
      const right = heap[child + 1]
      if (right !== undefined && isBefore(right, heap[child] as Scheduled)) child += 1
      const below = heap[child] as Scheduled
      if (!isBefore(below, last)) break
      heap[index] = below
      index = child
    }
    heap[index] = last
  }
}

function isBefore(one: Scheduled, other: Scheduled): boolean {
  return one.atMs < other.atMs || (one.atMs === other.atMs && one.order < other.order)
}

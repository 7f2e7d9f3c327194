/**
 * One timer for all deadlines of the coordinator: a hashed timing wheel (Varghese and Lauck 1987,
 * scheme 6). Setting and clearing cost the same however many are pending, and a cleared deadline
 * is gone at once: most transactions end long before their time-out.
 */
import type { Clock, Timer, Timers } from '../core/ports.ts'

const slotMs = 16
const slotCount = 1024

/** A deadline that was set; a link of its slot's ring. */
export interface Deadline {
  previous: Deadline
  next: Deadline
  /** The tick in which it is due. */
  tick: number
  run: (() => void) | undefined
  /** Whether somebody waits for it, so that it runs at the stop at the latest. */
  readonly atStop: boolean
}

export class Deadlines {
  readonly #clock: Clock
  readonly #timers: Timers
  readonly #slots: Deadline[] = []
  #count = 0
  /** The last tick whose deadlines have run. */
  #passed: number
  #timer: Timer | undefined
  #armedTick = 0
  #stopped = false

  constructor(clock: Clock, timers: Timers) {
    this.#clock = clock
    this.#timers = timers
    for (let slot = 0; slot < slotCount; slot += 1) this.#slots.push(emptyRing())
    this.#passed = this.#tickAt(clock.monotonicMs())
  }

  get count(): number {
    return this.#count
  }

  /** Runs `run` once, `delayMs` from now or up to 16 ms later. */
  set(delayMs: number, run: () => void): Deadline {
    return this.#set(delayMs, run, false)
  }

  /** The same for what a caller waits for: it runs in any case, at the stop at the latest. */
  setAwaited(delayMs: number, run: () => void): Deadline {
    return this.#set(delayMs, run, true)
  }

  #set(delayMs: number, run: () => void, atStop: boolean): Deadline {
    const nowMs = this.#clock.monotonicMs()
    // An empty wheel has nothing to catch up with, however long it stood still.
    if (this.#count === 0) this.#passed = this.#tickAt(nowMs)
    const tick = Math.max(this.#tickAt(nowMs + delayMs) + 1, this.#passed + 1)
    const ring = this.#ring(tick)
    const deadline: Deadline = { previous: ring.previous, next: ring, tick, run, atStop }
    ring.previous.next = deadline
    ring.previous = deadline
    this.#count += 1
    if (this.#stopped) {
      if (atStop) void Promise.resolve().then(() => this.#runNow(deadline))
    } else if (this.#timer === undefined || tick < this.#armedTick) this.#arm(tick, nowMs)
    return deadline
  }

  clear(deadline: Deadline): void {
    if (deadline.run === undefined) return
    this.#unlink(deadline)
    if (this.#count === 0) this.#disarm()
  }

  /** Runs those that somebody waits for, and forgets the others: they will never run. */
  stop(): void {
    this.#disarm()
    this.#stopped = true
    const awaited = this.#slots.flatMap((ring) => linksOf(ring).filter(({ atStop }) => atStop))
    for (const deadline of awaited) this.#runNow(deadline)
  }

  #runNow(deadline: Deadline): void {
    const { run } = deadline
    if (run === undefined) return // cleared by one that ran before it
    this.#unlink(deadline)
    run()
  }

  #unlink(deadline: Deadline): void {
    deadline.run = undefined
    deadline.previous.next = deadline.next
    deadline.next.previous = deadline.previous
    // One that is over must not keep its neighbours in memory.
    deadline.previous = deadline
    deadline.next = deadline
    this.#count -= 1
  }

  #arm(tick: number, nowMs: number): void {
    this.#disarm()
    if (this.#stopped) return
    this.#armedTick = tick
    this.#timer = this.#timers.set(Math.max(0, tick * slotMs - nowMs), () => {
      this.#timer = undefined
      this.#advance()
    })
  }

  #disarm(): void {
    if (this.#timer !== undefined) this.#timers.clear(this.#timer)
    this.#timer = undefined
  }

  #advance(): void {
    const now = this.#tickAt(this.#clock.monotonicMs())
    const due: Deadline[] = []
    const last = Math.min(now, this.#passed + slotCount)
    for (let tick = this.#passed + 1; tick <= last; tick += 1) {
      due.push(...linksOf(this.#ring(tick)).filter((each) => each.tick <= now))
    }
    this.#passed = Math.max(this.#passed, now)
    try {
      this.#runAll(due)
    } finally {
      const next = this.#nextTick()
      if (next !== undefined) this.#arm(next, this.#clock.monotonicMs())
    }
  }

  /** All of them, though one may throw: that is thrown then. */
  #runAll(due: readonly Deadline[]): void {
    let broken: { readonly cause: unknown } | undefined
    for (const deadline of due) {
      try {
        this.#runNow(deadline)
      } catch (cause) {
        broken ??= { cause }
      }
    }
    if (broken !== undefined) throw broken.cause
  }

  /** A tick no later than the earliest deadline's; undefined when there is none. */
  #nextTick(): number | undefined {
    if (this.#count === 0) return undefined
    for (let tick = this.#passed + 1; tick < this.#passed + slotCount; tick += 1) {
      const ring = this.#ring(tick)
      if (ring.next !== ring) return tick
    }
    return this.#passed + slotCount
  }

  #ring(tick: number): Deadline {
    return this.#slots[tick % slotCount] as Deadline
  }

  #tickAt(ms: number): number {
    return Math.floor(ms / slotMs)
  }
}

/** Timers on a wheel of their own, each up to 16 ms late: for who sets many and clears nearly all. */
export function onWheel(clock: Clock, timers: Timers): Timers {
  const wheel = new Deadlines(clock, timers)
  return {
    set: (delayMs, run) => wheel.set(delayMs, run) as unknown as Timer,
    clear: (timer) => wheel.clear(timer as unknown as Deadline),
    soon: (run) => timers.soon(run),
  }
}

function linksOf(ring: Deadline): Deadline[] {
  const links: Deadline[] = []
  for (let each = ring.next; each !== ring; each = each.next) links.push(each)
  return links
}

function emptyRing(): Deadline {
  const ring = { tick: -1, run: undefined } as unknown as Deadline
  ring.previous = ring
  ring.next = ring
  return ring
}

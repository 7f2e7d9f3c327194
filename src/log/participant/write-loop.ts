/**
 * Writes what waits, one change at a time: while one is under way, all that comes shares the next.
 *
 * Keeps A3 (`durable` runs only when the change is durable that carries the record and all before it),
 * A6 (a change whose answer is lost is neither done nor not done: the slot is locked anew, what is
 * there of it is found, and the rest is sent again) and A11 (who has waited too long is told that
 * nobody knows, and then nothing is written any more).
 *
 * The books go when enough of them wait, or after a pause: nobody waits for them.
 */
import { NoAnswer } from '../../core/bounded.ts'
import type { TableSession } from '../../core/decision-table.ts'
import type { Clock, Timer, Timers } from '../../core/ports.ts'
import { bounded } from './bounded.ts'
import type { Taken } from './changes.ts'
import type { Lease } from './lease.ts'
import type { TableState } from './table-state.ts'

/** A record that nobody waits for is written after this time, if no forced one takes it along. */
const lazyDelayMs = 100
/** The books are written after this time, or when so many decisions can go. */
const booksDelayMs = 500
const booksFull = 500

export type Durable = (failure: Error | undefined) => void

interface Waiting {
  readonly durable: Durable
  readonly sinceMs: number
}

export interface WriteLoopOptions {
  readonly state: TableState
  readonly clock: Clock
  readonly timers: Timers
  readonly backgroundTimers: Timers
  /** How long an answer of the database is waited for. */
  readonly answerLimitMs: number
  /** How long a record may wait until nobody can be kept waiting for it any more. */
  readonly waitLimitMs: number
  /** Makes the error of a log that can't be written any more. */
  readonly explain: (problem: string, cause: unknown) => Error
}

/** Something to be done with the session besides writing. */
export type Errand = (session: TableSession) => Promise<void>

export class WriteLoop {
  readonly lease: Lease
  readonly #options: WriteLoopOptions
  #waiting: Waiting[] = []
  /** Of the change that is under way. */
  #underWay: Waiting[] = []
  #errand: Errand | undefined
  #isDue = false
  #areBooksDue = false
  #running: Promise<void> | undefined
  #lazyTimer: Timer | undefined
  #booksTimer: Timer | undefined
  #limitTimer: Timer | undefined
  /** Ends the wait for an answer that can't come any more. */
  #abandon: ((cause: unknown) => void) | undefined
  #lastTrouble: unknown
  #failure: Error | undefined
  forcedWrites = 0

  constructor(options: WriteLoopOptions, leaseFor: (loop: WriteLoop) => Lease) {
    this.#options = options
    this.lease = leaseFor(this)
    this.lease.onReady = () => this.#start()
    this.lease.onLost = () => this.#abandon?.(new Error('the connection to the database was lost'))
  }

  get failure(): Error | undefined {
    return this.#failure
  }

  /** Whether somebody waits for a record. */
  get isAwaited(): boolean {
    return this.#waiting.length > 0 || this.#underWay.length > 0
  }

  /** Something waits in the state; with `durable`, somebody for it. Never calls back at once. */
  changed(durable?: Durable): void {
    if (this.#failure !== undefined) {
      if (durable !== undefined) void Promise.resolve(this.#failure).then(durable)
      return
    }
    if (durable === undefined) return this.#writeSoon()
    this.#waiting.push({ durable, sinceMs: this.#options.clock.monotonicMs() })
    this.#limitTimer ??= this.#setLimit(this.#options.waitLimitMs)
    this.lease.hurry()
    this.#start()
  }

  /** The books go with the next change: a record that somebody waits for is part of them. */
  booksToo(): void {
    this.#areBooksDue = true
  }

  /** Does something with the session when no change is under way, unless one is to be done already. */
  run(errand: Errand): void {
    this.#errand ??= errand
    this.#start()
  }

  /** Writes everything that waits; answers when that is durable, or the log has failed. */
  async drain(): Promise<void> {
    const { changes } = this.#options.state
    const isLeft = (): boolean => changes.hasRecords || changes.hasBooks || this.isAwaited
    while (this.#failure === undefined && isLeft()) {
      this.#areBooksDue = true
      await new Promise<void>((done) => this.changed(() => done()))
    }
  }

  /** Stops for good: who waits is told that nobody knows (A11). */
  fail(problem: string, cause: unknown = this.#lastTrouble): void {
    this.#failure ??= this.#options.explain(problem, cause)
    const { timers } = this.#options
    if (this.#limitTimer !== undefined) timers.clear(this.#limitTimer)
    this.#limitTimer = undefined
    this.stop()
    const told = [...this.#underWay, ...this.#waiting]
    this.#underWay = []
    this.#waiting = []
    for (const { durable } of told) void Promise.resolve(this.#failure).then(durable)
    void this.lease.release()
  }

  /** No timer starts anything any more. */
  stop(): void {
    const { backgroundTimers } = this.#options
    for (const timer of [this.#lazyTimer, this.#booksTimer]) {
      if (timer !== undefined) backgroundTimers.clear(timer)
    }
    this.#lazyTimer = undefined
    this.#booksTimer = undefined
  }

  /** On the next microtask: all records of one turn share the change. */
  #start(): void {
    if (this.lease.session === undefined) return // it starts again when there is one
    this.#running ??= Promise.resolve().then(() => this.#run())
  }

  async #run(): Promise<void> {
    try {
      for (let session = this.#next(); session !== undefined; session = this.#next()) {
        await this.#step(session)
      }
    } catch (broken) {
      // A callback threw, or a record broke an invariant: the process is to stop with it.
      this.fail('can not go on', broken)
      throw broken
    } finally {
      // In the same turn as the last look: what comes later starts anew.
      this.#running = undefined
    }
  }

  #next(): TableSession | undefined {
    const { session } = this.lease
    if (session === undefined || this.#failure !== undefined) return undefined
    const { changes } = this.#options.state
    const isDue = this.#isDue && changes.hasRecords
    const areBooksDue = this.#areBooksDue && changes.hasBooks
    const isAwaited = this.#waiting.length > 0
    return isAwaited || isDue || areBooksDue || this.#errand !== undefined ? session : undefined
  }

  async #step(session: TableSession): Promise<void> {
    const taken = this.#options.state.changes.take(this.#areBooksDue)
    this.#underWay = this.#waiting
    this.#waiting = []
    this.#isDue = false
    // More than one change takes away: the next one follows at once.
    this.#areBooksDue = this.#options.state.changes.settledCount >= booksFull
    const isNothing = Object.keys(taken.change).length === 0
    if (isNothing && this.#underWay.length === 0) return await this.#runErrand(session)
    try {
      if (!isNothing) await this.#asked(session.write(taken.change))
    } catch (cause) {
      return this.#unknown(session, taken, cause)
    }
    this.#written(taken)
  }

  /** A record that was there already is durable as well, when nothing had to be written for it. */
  #written(taken: Taken): void {
    this.#options.state.changes.written(taken)
    const told = this.#underWay
    this.#underWay = []
    if (told.length > 0) this.forcedWrites += 1
    if (this.#waiting.length === 0 && this.#limitTimer !== undefined) {
      this.#options.timers.clear(this.#limitTimer)
      this.#limitTimer = undefined
    }
    for (const { durable } of told) durable(undefined)
  }

  #unknown(session: TableSession, taken: Taken, cause: unknown): void {
    this.#lastTrouble = cause
    this.#options.state.changes.putBack(taken)
    this.#waiting = [...this.#underWay, ...this.#waiting]
    this.#underWay = []
    this.#isDue = true
    this.#areBooksDue ||= taken.books.size > 0 || taken.settled.length > 0
    this.lease.lost(session)
  }

  async #runErrand(session: TableSession): Promise<void> {
    const errand = this.#errand
    this.#errand = undefined
    if (errand === undefined) return
    try {
      await this.#asked(errand(session))
    } catch (cause) {
      // It is run again, and a session that is lost says so; but what one that hangs does is unknown.
      if (cause instanceof NoAnswer) this.lease.lost(session)
    }
  }

  #asked<Answer>(answer: Promise<Answer>): Promise<Answer> {
    const { timers, backgroundTimers, answerLimitMs } = this.#options
    return new Promise((resolve, reject) => {
      this.#abandon = reject
      bounded(this.isAwaited ? timers : backgroundTimers, answerLimitMs, answer).then(
        resolve,
        reject,
      )
    })
  }

  #writeSoon(): void {
    const { backgroundTimers, state } = this.#options
    if (state.changes.settledCount >= booksFull) {
      this.#areBooksDue = true
      this.#start()
    }
    this.#lazyTimer ??= backgroundTimers.set(lazyDelayMs, () => {
      this.#lazyTimer = undefined
      this.#isDue = true
      this.#start()
    })
    this.#booksTimer ??= backgroundTimers.set(booksDelayMs, () => {
      this.#booksTimer = undefined
      this.#areBooksDue = true
      this.#start()
    })
  }

  /** The oldest that waits sets the limit. */
  #setLimit(delayMs: number): Timer {
    const { timers, clock, waitLimitMs } = this.#options
    return timers.set(delayMs, () => {
      this.#limitTimer = undefined
      const [oldest] = [...this.#underWay, ...this.#waiting]
      if (oldest === undefined) return
      const leftMs = oldest.sinceMs + waitLimitMs - clock.monotonicMs()
      if (leftMs > 0) this.#limitTimer = this.#setLimit(leftMs)
      else this.fail(`could not be written for ${waitLimitMs} ms`)
    })
  }
}

/**
 * The slot that a log holds: the session whose lock says so, and another one when that is lost.
 *
 * Keeps A8: a session that is lost may have been so for long. Only where the slot still has our epoch
 * did nobody hold it meanwhile; else it was taken, and we never write to it again (A11).
 *
 * The database that restarts, the network that breaks: the lock is tried again with a capped back-off,
 * for as long as it takes; who waits for a record has a limit of its own. The server may keep the
 * lock of a dead session for a while.
 */
import type { DecisionTable, LockRequest, TableSession } from '../../core/decision-table.ts'
import type { Random, Timer, Timers } from '../../core/ports.ts'
import { bounded } from './bounded.ts'

/** The longest is shorter than a sibling waits before it takes a slot that seems to be given up. */
const pauseFirstMs = 20
const pauseMaxMs = 2_000

export interface LeaseOptions {
  readonly table: DecisionTable
  readonly request: LockRequest
  /** The epoch of this opening. */
  readonly epoch: number
  readonly session: TableSession
  /** For what somebody waits for, and for what nobody does. */
  readonly timers: Timers
  readonly backgroundTimers: Timers
  readonly random: Random
  /** How long an answer of the database is waited for. */
  readonly answerLimitMs: number
  /** The slot is locked anew. Rejects where it can't be gone on with: then it is lost again. */
  readonly onRegained: (session: TableSession) => Promise<void>
  /** Another process had the slot meanwhile. */
  readonly onTaken: () => void
  /** Whether somebody waits for a record. */
  readonly isAwaited: () => boolean
}

export class Lease {
  readonly #options: LeaseOptions
  #session: TableSession | undefined
  #attempts = 0
  #isTrying = false
  #timer:
    | { readonly timers: Timers; readonly timer: Timer; readonly isAwaited: boolean }
    | undefined
  #isOver = false
  /** Called when there is a session again, and when there is none any more. */
  onReady: (() => void) | undefined
  onLost: (() => void) | undefined

  constructor(options: LeaseOptions) {
    this.#options = options
    this.#watch(options.session)
  }

  /** The session that holds the lock; undefined while there is none. */
  get session(): TableSession | undefined {
    return this.#session
  }

  /** A session that is gone, or of which nobody knows what it did: it is given up. */
  lost(session: TableSession): void {
    if (session !== this.#session) return
    this.#session = undefined
    giveUp(session)
    if (!this.#isOver) this.#tryAgain()
    this.onLost?.()
  }

  /** Somebody waits now: the next attempt keeps the process alive, and comes at once. */
  hurry(): void {
    if (this.#session !== undefined || this.#isTrying || this.#isOver) return
    if (this.#timer?.isAwaited) return
    this.#attempts = 0
    this.#tryAgain()
  }

  /** Ends it for good. With a limit, for the release is not waited for for ever. */
  async release(): Promise<void> {
    this.#isOver = true
    this.#clearTimer()
    const session = this.#session
    this.#session = undefined
    if (session === undefined) return
    session.onLost = undefined
    const { timers, answerLimitMs } = this.#options
    await bounded(timers, answerLimitMs, session.release()).catch(() => undefined)
  }

  #tryAgain(): void {
    this.#clearTimer()
    const { random } = this.#options
    const isAwaited = this.#options.isAwaited()
    const ceilingMs = Math.min(pauseMaxMs, pauseFirstMs * 2 ** this.#attempts)
    this.#attempts += 1
    const timers = isAwaited ? this.#options.timers : this.#options.backgroundTimers
    const timer = timers.set(ceilingMs * (0.5 + random.fraction() / 2), () => {
      this.#timer = undefined
      void this.#try()
    })
    this.#timer = { timers, timer, isAwaited }
  }

  async #try(): Promise<void> {
    this.#isTrying = true
    const outcome = await this.#lock().catch(() => undefined)
    this.#isTrying = false
    if (outcome === 'taken') this.#options.onTaken()
    else if (outcome === undefined && !this.#isOver) this.#tryAgain()
    else if (outcome !== undefined) this.onReady?.()
  }

  async #lock(): Promise<'locked' | 'taken' | undefined> {
    const { table, request, epoch, timers, answerLimitMs, onRegained } = this.#options
    const session = await bounded(timers, answerLimitMs, table.lock(request), giveUpIfAny)
    if (session === undefined) return await this.#whoHolds()
    if (this.#isOver) return giveUp(session)
    if (session.log.identity !== request.identity || session.log.epoch !== epoch) {
      giveUp(session)
      return 'taken'
    }
    let isLost = false
    session.onLost = () => {
      isLost = true
    }
    try {
      await onRegained(session)
    } catch (cause) {
      giveUp(session)
      throw cause
    }
    if (this.#isOver || isLost) return giveUp(session)
    this.#attempts = 0
    this.#watch(session)
    return 'locked'
  }

  /** The lock is held: by our own dead session, as long as the epoch is ours. */
  async #whoHolds(): Promise<'taken' | undefined> {
    const { table, request, epoch, timers, answerLimitMs } = this.#options
    const logs = await bounded(timers, answerLimitMs, table.logs(request.installation))
    const found = logs.find(({ slot }) => slot === request.slot)
    const isOurs = found?.identity === request.identity && found.epoch === epoch
    return isOurs ? undefined : 'taken'
  }

  #watch(session: TableSession): void {
    this.#session = session
    session.onLost = () => this.lost(session)
  }

  #clearTimer(): void {
    this.#timer?.timers.clear(this.#timer.timer)
    this.#timer = undefined
  }
}

/** It may hang: nobody waits for it. */
function giveUp(session: TableSession): undefined {
  session.onLost = undefined
  void session.release().catch(() => undefined)
}

function giveUpIfAny(session: TableSession | undefined): void {
  if (session !== undefined) giveUp(session)
}

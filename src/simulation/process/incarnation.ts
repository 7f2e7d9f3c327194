/**
 * One life of a process: the ports that its coordinator gets.
 *
 * When it dies its ports fall silent: its timers never run, its promises of disk and network never
 * settle, and nothing that its code still does has an effect. It can die at each single effect, just
 * before or just after it, so a crash can fall between any two messages.
 */
import type { Clock, Disk, Timer, Timers } from '../../core/ports.ts'
import type { SeededRandom } from '../random.ts'
import type { Actor, Scheduled, Scheduler } from '../scheduler.ts'

/** Wall time at the start of every run: 1 January 2026. */
const epochWallMs = 1_767_225_600_000
const timerLatenessMs = 1.5

export interface IncarnationOptions {
  /** `p0.3`: the fourth life of the process `p0`. */
  readonly name: string
  readonly scheduler: Scheduler
  readonly random: SeededRandom
  readonly disk: Disk
  /** How wrong its wall clock is. */
  readonly skewMs: () => number
  /** Called once, when it dies. */
  readonly onDeath: (why: string) => void
}

export class Incarnation implements Actor {
  readonly name: string
  readonly clock: Clock
  readonly timers: Timers
  readonly random: SeededRandom
  readonly disk: Disk
  pausedUntilMs = 0
  readonly #scheduler: Scheduler
  readonly #onDeath: (why: string) => void
  #isDead = false
  #effectsLeft = Number.POSITIVE_INFINITY

  constructor(options: IncarnationOptions) {
    const { scheduler, random, skewMs } = options
    this.name = options.name
    this.random = random
    this.disk = options.disk
    this.#scheduler = scheduler
    this.#onDeath = options.onDeath
    const bornMs = scheduler.nowMs
    this.clock = {
      monotonicMs: () => scheduler.nowMs - bornMs,
      wallMs: () => Math.floor(epochWallMs + scheduler.nowMs + skewMs()),
    }
    this.timers = {
      set: (delayMs, run) => {
        const lateMs = random.between(0, timerLatenessMs)
        return scheduler.after(delayMs + lateMs, run, this) as unknown as Timer
      },
      clear: (timer) => scheduler.cancel(timer as unknown as Scheduled),
      soon: (run) => void scheduler.after(0, run, this),
    }
  }

  get isDead(): boolean {
    return this.#isDead
  }

  act(what: string): boolean {
    if (this.#isDead) return false
    this.#effectsLeft -= 1
    if (this.#effectsLeft > 0) return true
    const isBefore = this.random.chance(0.5)
    this.die(`${isBefore ? 'before' : 'after'} ${what}`)
    return !isBefore
  }

  /** Dies at the effect with this number, counted from now. */
  dieAtEffect(number: number): void {
    this.#effectsLeft = Math.min(this.#effectsLeft, number)
  }

  /** Never dies by itself any more. */
  spare(): void {
    this.#effectsLeft = Number.POSITIVE_INFINITY
  }

  die(why: string): void {
    if (this.#isDead) return
    this.#isDead = true
    this.#onDeath(why)
  }

  /** Runs after `delayMs` of its own time: a program that sleeps. */
  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.#scheduler.after(delayMs, resolve, this)
    })
  }
}

/**
 * The reserve: a few connections of Assent's own, opened when first needed, closed when idle.
 *
 * Decisions are delivered and prepared branches found through it after the session that prepared is
 * gone. Every use is bounded: a hanging server costs the connection and an error, never more, and
 * the next use opens a new one. Whoever opens a connection for it refuses one that reaches another
 * database than the one that was examined.
 */

import { NoAnswer } from '../../core/bounded.ts'
import type { Timers } from '../../core/ports.ts'
import { Alarm, within } from './deadline.ts'

/** A connection of our own, as far as the reserve handles it. */
export interface ReservedConnection {
  readonly isClosed: boolean
  /** While it is idle it keeps no process alive. */
  rest(isResting: boolean): void
  close(): void
}

export interface ReserveOptions<Connection> {
  /** Opens one, set up and found to reach the right database; rejects, closed, otherwise. */
  open(): Promise<Connection>
  readonly timers: Timers
  /** How many connections at most. */
  readonly size: number
  /** The bound on waiting for a connection, and on each use of one. */
  readonly limitMs: number
}

const idleMs = 30_000

export class Reserve<Connection extends ReservedConnection> {
  readonly #options: ReserveOptions<Connection>
  readonly #idle: { readonly connection: Connection; readonly alarm: Alarm }[] = []
  readonly #busy = new Set<Connection>()
  readonly #waiting = new Set<() => void>()
  #opening = 0
  #isClosed = false

  constructor(options: ReserveOptions<Connection>) {
    this.#options = options
  }

  get limitMs(): number {
    return this.#options.limitMs
  }

  /** Whether a use that could as well be left out would keep others waiting. */
  get isTaken(): boolean {
    return this.#busy.size + this.#opening >= Math.max(1, this.#options.size - 1)
  }

  /** Runs `work` on a connection. Rejects with its error, or when time runs out on either. */
  async run<Result>(work: (connection: Connection) => Promise<Result>): Promise<Result> {
    const { timers, limitMs } = this.#options
    const connection = await this.#take()
    try {
      const result = await within(timers, limitMs, 'an answer of the server', work(connection))
      this.#giveBack(connection)
      return result
    } catch (error) {
      if (error instanceof NoAnswer) connection.close()
      this.#giveBack(connection)
      throw error
    }
  }

  close(): void {
    this.#isClosed = true
    for (const { connection, alarm } of this.#idle.splice(0)) {
      alarm.clear()
      connection.close()
    }
    for (const connection of this.#busy) connection.close()
    for (const wake of this.#waiting) wake()
  }

  async #take(): Promise<Connection> {
    while (this.#busy.size + this.#opening >= this.#options.size) await this.#turn()
    if (this.#isClosed) throw new Error('the participant is closed')
    for (let idle = this.#idle.pop(); idle !== undefined; idle = this.#idle.pop()) {
      idle.alarm.clear()
      if (idle.connection.isClosed) continue
      idle.connection.rest(false)
      this.#busy.add(idle.connection)
      return idle.connection
    }
    return await this.#open()
  }

  /** Waits until a place may be free; one that gives up waiting must not be woken for another. */
  async #turn(): Promise<void> {
    const { timers, limitMs } = this.#options
    let wake = (): void => undefined
    const turn = new Promise<void>((resolve) => {
      wake = resolve
    })
    this.#waiting.add(wake)
    try {
      await within(timers, limitMs, 'a connection of our own', turn)
    } finally {
      this.#waiting.delete(wake)
    }
  }

  async #open(): Promise<Connection> {
    const { timers, limitMs } = this.#options
    this.#opening += 1
    const opening = this.#options.open()
    try {
      const connection = await within(timers, limitMs, 'a new connection', opening)
      this.#busy.add(connection)
      return connection
    } catch (error) {
      // It may still arrive.
      opening.then(
        (late) => late.close(),
        () => undefined,
      )
      this.#wakeOne()
      throw error
    } finally {
      this.#opening -= 1
    }
  }

  #giveBack(connection: Connection): void {
    this.#busy.delete(connection)
    if (this.#isClosed) connection.close()
    if (!connection.isClosed) {
      connection.rest(true)
      const alarm = new Alarm(this.#options.timers)
      this.#idle.push({ connection, alarm })
      alarm.set(idleMs, () => {
        const index = this.#idle.findIndex((each) => each.connection === connection)
        this.#idle.splice(index, 1)
        connection.close()
      })
    }
    this.#wakeOne()
  }

  #wakeOne(): void {
    const [first] = this.#waiting
    if (first === undefined) return
    this.#waiting.delete(first)
    first()
  }
}

/** A bounded pool of connections, as a driver has one: a wait for one is bounded as well. */
import type { Timers } from '../../core/ports.ts'
import type { Connection } from './connection.ts'

interface Waiter {
  readonly resolve: () => void
  isOver: boolean
}

export class Pool {
  readonly #connect: () => Connection
  readonly #size: number
  #used = 0
  #waiters: Waiter[] = []

  constructor(connect: () => Connection, size: number) {
    this.#connect = connect
    this.#size = size
  }

  /** Connections that are taken and not given back. */
  get used(): number {
    return this.#used
  }

  async take(timers: Timers, waitMs: number): Promise<Connection> {
    if (this.#used >= this.#size) await this.#turn(timers, waitMs)
    else this.#used += 1
    return this.#connect()
  }

  /** Every connection is used once: what a branch leaves behind never reaches another. */
  giveBack(connection: Connection): void {
    connection.close()
    const next = this.#waiters.find((waiter) => !waiter.isOver)
    if (next === undefined) this.#used -= 1
    else {
      next.isOver = true
      next.resolve()
    }
    this.#waiters = this.#waiters.filter((waiter) => !waiter.isOver)
  }

  #turn(timers: Timers, waitMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiter: Waiter = { resolve, isOver: false }
      this.#waiters.push(waiter)
      timers.set(waitMs, () => {
        if (waiter.isOver) return
        waiter.isOver = true
        reject(new Error(`no connection within ${waitMs.toFixed(0)} ms`))
      })
    })
  }
}

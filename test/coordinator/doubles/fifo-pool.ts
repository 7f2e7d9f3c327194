/** A pool of connections that serves its waiters first come, first served. */

/** One connection, until it is given back; giving it back again does nothing. */
export interface Lease {
  giveBack(): void
}

export class FifoPool {
  readonly #size: number
  readonly #waiting: ((lease: Lease) => void)[] = []
  #taken = 0

  constructor(size: number) {
    this.#size = size
  }

  get taken(): number {
    return this.#taken
  }

  get waiting(): number {
    return this.#waiting.length
  }

  take(): Promise<Lease> {
    if (this.#taken < this.#size) {
      this.#taken += 1
      return Promise.resolve(this.#lease())
    }
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  #lease(): Lease {
    let isOut = true
    return {
      giveBack: () => {
        if (!isOut) return
        isOut = false
        const next = this.#waiting.shift()
        if (next === undefined) this.#taken -= 1
        else next(this.#lease())
      },
    }
  }
}

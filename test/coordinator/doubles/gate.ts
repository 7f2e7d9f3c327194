/** A place where calls wait until the test opens it. */
export class Gate<Value = void> {
  readonly #waiting: { resolve(value: Value): void; reject(cause: unknown): void }[] = []
  #opened: { readonly value: Value } | undefined

  /** How many calls wait here. */
  get waiting(): number {
    return this.#waiting.length
  }

  pass(): Promise<Value> {
    if (this.#opened !== undefined) return Promise.resolve(this.#opened.value)
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }))
  }

  /** Lets through who waits, and whoever comes later. */
  open(value: Value): void {
    this.#opened = { value }
    for (const { resolve } of this.#waiting.splice(0)) resolve(value)
  }

  /** Lets the one through that has waited longest. */
  openOnce(value: Value): void {
    this.#waiting.shift()?.resolve(value)
  }

  fail(cause: unknown): void {
    for (const { reject } of this.#waiting.splice(0)) reject(cause)
  }
}

/**
 * What happened, in order: lines for people, and a hash that tells two runs apart.
 *
 * The hash is taken over all that the lines say, so two runs of a seed that differ in anything that
 * was traced differ in it. It is FNV-1a (Fowler, Noll, Vo), in two lanes of 32 bits.
 */

/** One thing that happened. */
export interface TraceEntry {
  readonly atMs: number
  readonly actor: string
  readonly what: string
}

export class Trace {
  readonly #now: () => number
  readonly #entries: TraceEntry[] = []
  #high = 0x811c9dc5
  #low = 0xcbf29ce4

  constructor(now: () => number) {
    this.#now = now
  }

  /** What happened, one line each. */
  get lines(): string[] {
    return this.#entries.map(
      ({ atMs, actor, what }) => `${atMs.toFixed(3).padStart(10)}  ${actor.padEnd(10)} ${what}`,
    )
  }

  /** `actor` did, or was struck by, `what`. */
  note(actor: string, what: string): void {
    const atMs = this.#now()
    this.#entries.push({ atMs, actor, what })
    this.#mix(Math.floor(atMs * 1_000))
    this.#mixText(actor)
    this.#mixText(what)
  }

  hash(): string {
    return (
      (this.#high >>> 0).toString(16).padStart(8, '0') +
      (this.#low >>> 0).toString(16).padStart(8, '0')
    )
  }

  #mix(value: number): void {
    this.#high = Math.imul(this.#high ^ value, 0x01000193)
    this.#low = Math.imul(this.#low ^ value, 0x01000193) + (this.#high >>> 15)
  }

  #mixText(text: string): void {
    let high = this.#high
    let low = this.#low
    for (let index = 0; index < text.length; index += 1) {
      const code = text.charCodeAt(index)
      high = Math.imul(high ^ code, 0x01000193)
      low = Math.imul(low ^ code, 0x01000193) + (high >>> 15)
    }
    this.#high = high
    this.#low = low | 0
  }
}

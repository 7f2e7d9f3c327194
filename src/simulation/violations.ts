/** Broken rules: what a run looks for. */

/** The invariants of the design, and `log` for a log that refuses what only crashes did to it. */
export type Rule =
  | 'A1'
  | 'A2'
  | 'A3'
  | 'A4'
  | 'A5'
  | 'A6'
  | 'A7'
  | 'A8'
  | 'A9'
  | 'A10'
  | 'A11'
  | 'log'
  /** The program itself fails: an error that nobody catches, a broken internal rule. */
  | 'program'

export interface Violation {
  readonly rule: Rule
  readonly message: string
  readonly atMs: number
}

/** Reports that a rule is broken. */
export type Broken = (rule: Rule, message: string) => void

export class Violations {
  readonly #now: () => number
  readonly #note: (what: string) => void
  readonly #found: Violation[] = []

  constructor(now: () => number, note: (what: string) => void) {
    this.#now = now
    this.#note = note
  }

  get found(): readonly Violation[] {
    return this.#found
  }

  readonly broken: Broken = (rule, message) => {
    this.#note(`VIOLATION of ${rule}: ${message}`)
    this.#found.push({ rule, message, atMs: this.#now() })
  }
}

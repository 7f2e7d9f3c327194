/** What is known of a finding before it is found. */

/** `error`: the promise can't be kept, or work stands still; the doctor's exit code is then 1. */
export type Severity = 'error' | 'warning' | 'notice'

export interface FindingEntry {
  readonly severity: Severity
  /** What was found, in one sentence. */
  readonly meaning: string
  /** What it would cause. */
  readonly effect: string
  /** What to do about it; the finding itself brings the command, where there is one. */
  readonly cure: string
}

export type Entries<Id extends string> = Readonly<Record<Id, FindingEntry>>

/** A planted bug: the simulator must find it, or what it says of the real code means nothing. */
import type { DecisionPlace } from '../decision-plan.ts'
import type { Profile } from '../profile.ts'
import type { Rule } from '../violations.ts'

export interface Mutant {
  /** What `--mutant` takes. */
  readonly name: string
  /** The rule that it breaks. What is reported first may be another, which follows from it. */
  readonly rule: Rule
  /** The production file, from the root of the repository. */
  readonly file: string
  /** Stands exactly once in the file. */
  readonly find: string
  readonly replace: string
  /** What the bug is, and what it does to whom. */
  readonly why: string
  /** It is caught within this many seeds, counted from 1. */
  readonly seeds: number
  /** The weather in which it shows; default: all kinds. */
  readonly profile?: Profile
  /** Where the decisions are, when it shows in one place only; default: the seed says. */
  readonly decisions?: DecisionPlace
}

/** The source with the bug in it. Throws when the mutant is stale. */
export function mutate(source: string, mutant: Mutant): string {
  const parts = source.split(mutant.find)
  if (parts.length !== 2) {
    const found = parts.length - 1
    const { name, file } = mutant
    throw new Error(`the mutant ${name} is stale: its text stands ${found} times in ${file}`)
  }
  return parts.join(mutant.replace)
}

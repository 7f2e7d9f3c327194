/** What the simulation's processes say to each other. */
import type { DecisionPlace } from '../src/simulation/decision-plan.ts'
import type { Profile } from '../src/simulation/profile.ts'
import type { Violation } from '../src/simulation/violations.ts'

/** Seeds to run, for a worker. */
export interface Chunk {
  readonly firstSeed: number
  readonly count: number
  readonly profile: Profile | undefined
  readonly decisions: DecisionPlace | undefined
  /** Each seed whose number this divides is run twice; 0: none. */
  readonly twiceEvery: number
}

/** A seed that broke a rule. */
export interface Failure {
  readonly seed: number
  readonly profile: Profile
  readonly violations: readonly Violation[]
  readonly trace: readonly string[]
}

export interface ChunkResult {
  readonly chunk: Chunk
  readonly failures: readonly Failure[]
  readonly events: number
  readonly transactions: number
  readonly coverage: readonly (readonly [what: string, times: number])[]
}

/** Whether the simulator catches a planted bug. */
import type { Mutant } from '../src/simulation/mutants/mutant.ts'
import type { Failure } from './simulate-messages.ts'
import { runSeeds } from './simulate-pool.ts'

export interface Catch {
  /** Undefined when the bug was not caught. */
  readonly failure: Failure | undefined
  /** How many seeds it took. */
  readonly seeds: number
}

/** Runs a mutant's seeds in one process, up to the one that catches it. */
export async function catchMutant(mutant: Mutant): Promise<Catch> {
  const { failures, seeds } = await runSeeds({
    firstSeed: 1,
    seeds: mutant.seeds,
    profile: mutant.profile,
    decisions: mutant.decisions,
    mutant: mutant.name,
    workers: 1,
    twiceEvery: 0,
  })
  return { failure: failures[0], seeds: failures[0]?.seed ?? seeds }
}

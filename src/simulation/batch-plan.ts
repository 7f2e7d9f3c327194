/**
 * Which transfers of a run are given to `execute`: all their statements at once, and no callback. Drawn
 * apart from the rest of the plan: the seeds that have none are what they were.
 */
import { SeededRandom } from './random.ts'

export interface BatchPlan {
  /** Of all transfers, how many are executed. */
  readonly share: number
  /** Of the others, how many execute a part of their work inside their transaction. */
  readonly insideShare: number
  /** A resource that a transfer only reads is declared so. */
  readonly readOnlyChance: number
  /** Databases run the statements when a branch begins, one by one; else in one message with its vote. */
  readonly runsAtOnce: boolean
  /** From which it is drawn what each transfer is. */
  readonly seed: number
}

const seedsShare = 0.65

/** Undefined: every transfer has a callback. */
export function drawBatches(seed: number): BatchPlan | undefined {
  const random = new SeededRandom(seed, 'batches')
  if (!random.chance(seedsShare)) return undefined
  return {
    share: random.between(0.2, 0.8),
    insideShare: random.chance(0.5) ? random.between(0.1, 0.4) : 0,
    readOnlyChance: random.chance(0.5) ? 0.5 : 0,
    runsAtOnce: random.chance(0.2),
    seed: random.word(),
  }
}

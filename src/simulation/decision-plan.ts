/**
 * Whether a run keeps its decisions in a participant's database, and what happens to the sessions
 * that hold its logs there. Drawn apart from the rest of the plan: the seeds of the file log are what
 * they were.
 */
import type { SeededRandom } from './random.ts'

/** Where a run keeps its decisions: on the disk of its machine, or in a participant's database. */
export const decisionPlaces = ['file', 'participant'] as const
export type DecisionPlace = (typeof decisionPlaces)[number]

export interface DecisionPlan {
  /** The name of the database. */
  readonly in: string
  /** A branch begins with its first statement: one that was never used begins when it commits. */
  readonly beginsLazily: boolean
  /** Branches see the logs' epochs as they were when they began. */
  readonly takesSnapshots: boolean
  /** A session that holds a log is lost, so often: mean interval in ms; 0: never. */
  readonly lockLossMs: number
  /** What takes a decision along is held up, or its answer is, or the connection breaks. */
  readonly troubleChance: number
  /** A declared resource is not used. */
  readonly idleChance: number
  /** Somebody asks another process how a transaction ends, while it is under way. */
  readonly curiousChance: number
  /** From which those questions are drawn. */
  readonly curiousSeed: number
  /** How soon a sibling takes over what was lost, where that is sooner than elsewhere. */
  readonly adoptIntervalMs: number | undefined
  /** For how long a slot has to be free until then. */
  readonly adoptAfterMs: number
}

const participantShare = 0.36
const lockLossMeanMs = 1_100

/** Undefined: the decisions are on the disk. */
export function drawDecisions(
  random: SeededRandom,
  plan: { readonly profile: string; readonly databases: number },
  given?: DecisionPlace,
): DecisionPlan | undefined {
  const { profile, databases } = plan
  // What a failing disk does shows only where there is one.
  const isDrawn = random.chance(participantShare) && profile !== 'disk'
  if (given === 'file' || (given === undefined && !isDrawn)) return undefined
  const isRough = profile !== 'calm' && profile !== 'contention'
  return {
    in: `db${random.integer(0, databases - 1)}`,
    beginsLazily: random.chance(0.5),
    takesSnapshots: random.chance(0.4),
    lockLossMs: isRough && random.chance(0.5) ? lockLossMeanMs : 0,
    troubleChance: isRough && random.chance(0.6) ? random.between(0.02, 0.25) : 0,
    idleChance: random.chance(0.5) ? 0.35 : 0,
    curiousChance: random.chance(0.5) ? 0.2 : 0,
    curiousSeed: random.word(),
    adoptIntervalMs: random.chance(0.5) ? random.between(100, 700) : undefined,
    adoptAfterMs: random.between(10, 500),
  }
}

/** Runs one seed. */
import { drawBatches } from './batch-plan.ts'
import { type DecisionPlace, drawDecisions } from './decision-plan.ts'
import type { Host } from './host.ts'
import { drawPlan, type Profile } from './profile.ts'
import { SeededRandom } from './random.ts'
import type { Violation } from './violations.ts'
import { World } from './world.ts'

export interface RunResult {
  readonly seed: number
  readonly profile: Profile
  /** Empty when every rule held; the first one is what went wrong, the others may follow from it. */
  readonly violations: readonly Violation[]
  /** Of everything that was traced. */
  readonly hash: string
  /** What happened, one line each; made when it is asked for. */
  readonly trace: () => readonly string[]
  readonly coverage: ReadonlyMap<string, number>
  readonly events: number
  readonly transactions: number
}

/**
 * Runs the world of a seed to its end, or to the first broken rule. The same seed gives the same
 * trace, whatever ran before it.
 */
export async function simulate(
  seed: number,
  host: Host,
  options: {
    readonly profile?: Profile | undefined
    /** Where the decisions are; default: the seed says. */
    readonly decisions?: DecisionPlace | undefined
  } = {},
): Promise<RunResult> {
  const random = new SeededRandom(seed, 'assent')
  const drawn = drawPlan(random, options.profile)
  const decisions = drawDecisions(new SeededRandom(seed, 'decisions'), drawn, options.decisions)
  const world = new World({ ...drawn, decisions, batches: drawBatches(seed) }, random, host)
  const place = decisions === undefined ? '' : `, decisions in ${decisions.in}`
  world.trace.note('seed', `${seed}, profile ${drawn.profile}${place}`)
  const stopWatching = host.watchRejections((reason) => world.failed(reason))
  await world.run()
  await stopWatching()
  return {
    seed,
    profile: drawn.profile,
    violations: world.violations.found,
    hash: world.trace.hash(),
    trace: () => world.trace.lines,
    coverage: world.coverage.counts,
    events: world.scheduler.events,
    transactions: world.facts.count,
  }
}

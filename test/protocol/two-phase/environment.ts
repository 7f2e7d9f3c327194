/**
 * The world around one transaction, as small as it can be: which questions are out at which branch,
 * what the log holds for certain, what was told. `exploration.ts` walks through every order in which
 * this world can answer; here every answer that it may give is listed, and every effect is judged.
 */
import type { Decision } from '../../../src/core/decision.ts'
import { recover } from '../../../src/protocol/two-phase/recover.ts'
import type {
  BranchRole,
  BranchState,
  Effect,
  Event,
  State,
  Step,
} from '../../../src/protocol/two-phase/state.ts'
import { initialState } from '../../../src/protocol/two-phase/state.ts'
import { step } from '../../../src/protocol/two-phase/step.ts'

/** What is explored: the production functions, or a planted fault around them. */
export interface Protocol {
  readonly step: typeof step
  readonly recover: typeof recover
}

/** `one`: two-phase, and may commit in one phase when it is alone. */
export type Role = 'two' | 'one' | 'last' | 'deciding'

type Question = 'prepare' | 'one-phase' | 'with-decision' | 'commit' | 'roll-back'
type ForcedRecord = Extract<Effect, { type: 'force' }>['record']

export const production: Protocol = { step, recover }

export interface World {
  readonly state: State
  /** Every question that was ever asked of a branch: its answer can still come, and come again. */
  readonly asked: readonly (readonly Question[])[]
  readonly retryDue: readonly boolean[]
  /** The force whose answer is out. */
  readonly forcing: { readonly record: ForcedRecord; readonly decision?: Decision } | undefined
  /** What the log holds for certain. */
  readonly durable: 'nothing' | 'intent' | Decision
  /** The branches that a durable record names: they are prepared, as far as the log knows. */
  readonly recordedBranches: readonly { readonly branch: number; readonly role: BranchRole }[]
  /** A forced write failed: it may or may not be on disk. */
  readonly perhapsDurable: 'intent' | Decision | undefined
  readonly onePhaseMarked: boolean
  /**
   * How the commit without a vote ended, once somebody has said so: the branch itself, evidence, or
   * an operator. All tell the truth, so nobody says otherwise later.
   */
  readonly fate: Decision | undefined
  readonly told: Decision | undefined
  readonly crashes: number
}

/** What can happen next: an event for `step`, or the death of the coordinator. */
export type Happening = Event | { readonly type: 'crash'; readonly finds: World['durable'] }

export function beginWorld(roles: readonly Role[]): World {
  const state = roles.reduce(
    (before, role) =>
      step(before, {
        type: 'join',
        role: role === 'last' || role === 'deciding' ? role : 'two-phase',
        onePhase: role !== 'two',
      }).state,
    initialState,
  )
  return {
    state,
    asked: roles.map(() => []),
    retryDue: roles.map(() => false),
    forcing: undefined,
    durable: 'nothing',
    recordedBranches: [],
    perhapsDurable: undefined,
    onePhaseMarked: false,
    fate: undefined,
    told: undefined,
    crashes: 0,
  }
}

const votes = ['yes', 'read-only', 'ended', 'no', 'unknown'] as const
const onePhaseResults = ['committed', 'aborted', 'unknown'] as const
const acknowledgements = ['done', 'heuristic', 'unknown'] as const

/** Crashes that are looked at in one history; more lead to nothing new. */
const crashesMax = 2

/** Everything that may happen next, the late and the repeated answers included. */
export function happenings(world: World): Happening[] {
  const found: Happening[] = [{ type: 'commit' }, { type: 'abort' }]
  for (const decision of ['committed', 'aborted'] as const) {
    if (isTrue(world, decision)) found.push({ type: 'resolve', decision })
  }
  world.asked.forEach((questions, branch) => {
    if (questions.includes('prepare')) {
      for (const vote of votes) found.push({ type: 'voted', branch, vote })
    }
    if (commitsWithoutVote(questions)) {
      const results = onePhaseResults.filter((result) => isTrue(world, result))
      for (const result of results) found.push({ type: 'one-phase-ended', branch, result })
    }
    if (questions.includes('commit') || questions.includes('roll-back')) {
      for (const result of acknowledgements) found.push({ type: 'acknowledged', branch, result })
    }
    if (world.retryDue[branch]) found.push({ type: 'retry', branch })
  })
  if (world.forcing !== undefined) {
    found.push({ type: 'recorded' }, { type: 'not-recorded' }, { type: 'refused' })
  }
  // The log may have failed before the decision was sent: then it never is.
  if (world.state.phase === 'committing-with-decision') found.push({ type: 'refused' })
  // In doubt, only the next process can go on: that restart is always possible.
  if (world.crashes < crashesMax || world.state.phase === 'in-doubt') {
    for (const finds of whatACrashMayLeave(world)) found.push({ type: 'crash', finds })
  }
  return found
}

function commitsWithoutVote(questions: readonly Question[]): boolean {
  return questions.includes('one-phase') || questions.includes('with-decision')
}

function isTrue({ fate }: World, result: Decision | 'unknown'): boolean {
  return fate === undefined || result === 'unknown' || result === fate
}

/** Whether nobody knows yet how the branch ended that took the decision along. */
export function isCarried({ asked, fate }: World): boolean {
  return fate === undefined && asked.some((questions) => questions.includes('with-decision'))
}

/** After a crash the log holds what was durable, or that and what was on its way there. */
function whatACrashMayLeave(world: World): World['durable'][] {
  const { durable, forcing, perhapsDurable } = world
  const onItsWay: World['durable'][] = []
  if (isCarried(world)) onItsWay.push('committed')
  if (forcing?.record === 'intent') onItsWay.push('intent')
  if (forcing?.record === 'decision') onItsWay.push(forcing.decision ?? 'aborted')
  if (perhapsDurable !== undefined) onItsWay.push(perhapsDurable)
  return [...new Set([durable, ...onItsWay])]
}

/** The state after a crash; undefined when nothing is recorded: the branches are orphans. */
export function crashed(
  { recover }: Protocol,
  world: World,
  finds: World['durable'],
): World | undefined {
  if (finds === 'nothing') return undefined
  const branches = recordedBranches(world, finds)
  const { state, effects } = recover({
    decision: finds === 'intent' ? undefined : finds,
    branches: branches.map(({ role }) => ({ ended: false, role })),
  })
  const lost: World = {
    ...world,
    state,
    asked: branches.map(() => []),
    retryDue: branches.map(() => false),
    forcing: undefined,
    durable: finds,
    recordedBranches: branches.map(({ role }, branch) => ({ branch, role })),
    perhapsDurable: undefined,
    crashes: Math.min(world.crashes + 1, crashesMax),
  }
  return effects.reduce(after, lost)
}

function recordedBranches(world: World, finds: World['durable']): World['recordedBranches'] {
  if (world.durable === finds && world.recordedBranches.length > 0) return world.recordedBranches
  return branchesOfRecord(world.state, finds === 'intent')
}

/** As the book writes them: the prepared ones, and in an intent the last resource. */
function branchesOfRecord(state: State, withLast: boolean): World['recordedBranches'] {
  return state.branches.flatMap(({ phase, role }, branch) => {
    if (phase !== 'prepared' && !(withLast && role === 'last')) return []
    // Found again, a deciding branch that was prepared is like any other.
    return [{ branch, role: role === 'last' ? role : 'two-phase' }]
  })
}

/** The world once an event has been taken and the effects of its step are under way. */
export function taken(world: World, event: Event, { state, effects }: Step): World {
  return effects.reduce(after, { ...withAnswer(world, event), state })
}

/** What an event itself says about the world, before the protocol hears of it. */
function withAnswer(world: World, event: Event): World {
  switch (event.type) {
    case 'recorded':
      return withDurableRecord({ ...world, forcing: undefined }, world)
    case 'refused':
      return { ...withoutDecisionSent(world), forcing: undefined }
    case 'not-recorded': {
      const { forcing } = world
      const record = forcing?.record === 'decision' ? forcing.decision : undefined
      const perhaps = forcing?.record === 'intent' ? 'intent' : record
      return { ...world, forcing: undefined, perhapsDurable: perhaps }
    }
    case 'one-phase-ended':
      return event.result === 'unknown' ? world : withFate(world, event.result)
    case 'resolve':
      return world.state.phase === 'held' ? withFate(world, event.decision) : world
    case 'retry':
      return { ...world, retryDue: world.retryDue.with(event.branch, false) }
    default:
      return world
  }
}

/** A commit that carried the decision has made it durable. */
function withFate(world: World, fate: Decision): World {
  const carried = isCarried(world) && fate === 'committed'
  if (!carried) return { ...world, fate }
  return {
    ...world,
    fate,
    durable: 'committed',
    recordedBranches: branchesOfRecord(world.state, false),
  }
}

function withoutDecisionSent(world: World): World {
  if (world.state.phase !== 'committing-with-decision') return world
  const asked = world.asked.map((each) => each.filter((question) => question !== 'with-decision'))
  return { ...world, asked }
}

function withDurableRecord(world: World, { forcing, state }: World): World {
  if (forcing?.record === 'one-phase') return { ...world, onePhaseMarked: true }
  if (forcing?.record === 'intent') {
    return { ...world, durable: 'intent', recordedBranches: branchesOfRecord(state, true) }
  }
  const recorded = branchesOfRecord(state, false)
  return { ...world, durable: forcing?.decision ?? 'aborted', recordedBranches: recorded }
}

/** What an effect adds to the world. */
function after(world: World, effect: Effect): World {
  switch (effect.type) {
    case 'prepare':
      return withQuestion(world, effect.branch, 'prepare')
    case 'commit-one-phase':
      return withQuestion(world, effect.branch, 'one-phase')
    case 'commit-with-decision':
      return withQuestion(world, effect.branch, 'with-decision')
    case 'commit':
    case 'roll-back':
      return withQuestion(world, effect.branch, effect.type)
    case 'retry-later':
      return { ...world, retryDue: world.retryDue.with(effect.branch, true) }
    case 'force': {
      const { decision } = world.state
      const isDecision = effect.record === 'decision' && decision !== undefined
      return { ...world, forcing: { record: effect.record, ...(isDecision ? { decision } : {}) } }
    }
    case 'decided':
      return { ...world, told: world.state.decision }
    default:
      return world
  }
}

function withQuestion(world: World, branch: number, question: Question): World {
  const questions = new Set([...(world.asked[branch] ?? []), question])
  return { ...world, asked: world.asked.with(branch, [...questions].sort()) }
}

export function hasEnded({ phase }: BranchState): boolean {
  return phase === 'ended' || phase === 'heuristic'
}

/**
 * Two-phase commit as a pure function: `step(state, event) -> { state, effects }`.
 *
 * Keeps A1 (commit is sent only under a standing decision), A3 (which is durable first), A4 (no
 * branch joins once prepare has begun), A6 (a lost vote aborts before the decision, a lost
 * acknowledgement is asked again) and A9 (an abort needs no forced write).
 *
 * Defends against a crash at every point: before the decision is durable every branch is told
 * `aborted` by presumption; after it, recovery delivers it again until each has acknowledged.
 */
import { appended } from '../../core/appended.ts'
import type { Decision } from '../../core/decision.ts'
import { invariant, unreachable } from '../../core/invariant.ts'
import { hasEnded, inPhase, phaseOf, withBranch } from './branches.ts'
import type { BranchState, Effect, Event, Phase, State, Step } from './state.ts'
import { carrierOf, isAlone, isOver } from './state.ts'

type OnePhaseResult = Extract<Event, { type: 'one-phase-ended' }>['result']

const nothing: readonly Effect[] = []

/** Takes one event. An event that comes too late for the state changes nothing. */
export function step(state: State, event: Event): Step {
  switch (event.type) {
    case 'join':
      return join(state, event)
    case 'commit':
      return state.phase === 'active' ? beginCommit(state) : ignore(state)
    case 'abort':
      return mayStillAbort(state.phase) ? abort(state) : ignore(state)
    case 'voted':
      return voted(state, event)
    case 'one-phase-ended':
      return onePhaseEnded(state, event)
    case 'recorded':
      return awaitsRecord(state) ? recorded(state) : ignore(state)
    case 'not-recorded':
      return awaitsRecord(state) ? notRecorded(state) : ignore(state)
    case 'refused':
      if (state.phase === 'committing-with-decision') return abort(state)
      return awaitsRecord(state) ? refused(state) : ignore(state)
    case 'acknowledged':
      return acknowledged(state, event)
    case 'retry':
      return retry(state, event.branch)
    case 'resolve':
      return state.phase === 'held' ? resolve(state, event.decision) : ignore(state)
    default:
      return unreachable(event)
  }
}

/** From the first forced record on, only votes, evidence and durable records move the state. */
export function mayStillAbort(phase: Phase): boolean {
  return phase === 'active' || phase === 'preparing' || phase === 'recording-one-phase'
}

/** A transaction that aborted while the one-phase mark was being forced waits for it no longer. */
function awaitsRecord({ phase }: State): boolean {
  const aborted = phase === 'rolling-back' || phase === 'aborted'
  const waits = phase.startsWith('recording-')
  invariant(waits || aborted, 'A3', 'a record nobody waits for', phase)
  return waits
}

function ignore(state: State): Step {
  return { state, effects: nothing }
}

function join(state: State, { role, onePhase }: Extract<Event, { type: 'join' }>): Step {
  invariant(state.phase === 'active', 'A4', 'a branch joined after prepare began', state)
  const branch: BranchState = { phase: 'active', role, onePhase }
  const { phase, branches, decision } = state
  return { state: { phase, branches: appended(branches, branch), decision }, effects: nothing }
}

/** Phase 1: asks every branch that can prepare for its vote, all at once. */
function beginCommit(state: State): Step {
  if (isAlone(state)) return commitUnrecorded(state)
  const effects: Effect[] = []
  const carrier = carrierOf(state)
  const branches = state.branches.map((branch, number) => {
    if (branch.role === 'last' || number === carrier) return branch
    effects.push({ type: 'prepare', branch: number })
    return inPhase(branch, 'preparing')
  })
  return thenDecide({ phase: 'preparing', branches, decision: undefined }, effects)
}

function voted(state: State, { branch, vote }: Extract<Event, { type: 'voted' }>): Step {
  if (state.phase !== 'preparing' || phaseOf(state, branch) !== 'preparing') return ignore(state)
  switch (vote) {
    case 'yes':
      return thenDecide(withBranch(state, branch, 'prepared'), [])
    case 'read-only':
      return thenDecide(withBranch(state, branch, 'read-only'), [])
    case 'ended':
      return thenDecide(withBranch(state, branch, 'ended'), [])
    case 'no':
      return abort(withBranch(state, branch, 'ended'))
    case 'unknown':
      return abort(withBranch(state, branch, 'unclear'))
    default:
      return unreachable(vote)
  }
}

/** Once every vote is in, and none is a no: the cheapest way on that keeps the promise. */
function thenDecide(state: State, effects: Effect[]): Step {
  if (state.branches.some((branch) => branch.phase === 'preparing')) return { state, effects }
  const last = state.branches.findIndex((branch) => branch.role === 'last')
  const prepared = state.branches.some((branch) => branch.phase === 'prepared')
  if (!prepared) return commitUnrecorded(state)
  if (last >= 0) {
    effects.push({ type: 'force', record: 'intent' })
    return { state: { ...state, phase: 'recording-intent' }, effects }
  }
  const carrier = carrierOf(state)
  if (carrier >= 0) return commitOnePhase(state, carrier, 'committing-with-decision')
  return record(state, 'committed')
}

/**
 * At most one branch wrote: its own commit carries the decision (A1), and no record is forced but
 * the one that tells the log, once an epoch, that absence no longer means abort (A9).
 */
function commitUnrecorded(state: State): Step {
  return {
    state: { ...state, phase: 'recording-one-phase' },
    effects: [{ type: 'force', record: 'one-phase' }],
  }
}

/** Forces the decision. Until it is durable nobody may learn it (A3). */
function record(state: State, decision: Decision): Step {
  return {
    state: { phase: 'recording-decision', branches: state.branches, decision },
    effects: [{ type: 'force', record: 'decision' }],
  }
}

function recorded(state: State): Step {
  switch (state.phase) {
    case 'recording-one-phase': {
      const writer = state.branches.findIndex((branch) => branch.phase === 'active')
      if (writer >= 0) return commitOnePhase(state, writer, 'committing-one-phase')
      return deliver(state, 'committing', [{ type: 'note-decision' }, { type: 'decided' }])
    }
    case 'recording-intent': {
      const last = state.branches.findIndex((branch) => branch.role === 'last')
      return commitOnePhase(state, last, 'committing-last')
    }
    default: {
      const phase = state.decision === 'committed' ? 'committing' : 'rolling-back'
      return deliver(state, phase, [{ type: 'decided' }])
    }
  }
}

/** Commits without a vote. With the decision, that commit itself makes it durable (A1). */
function commitOnePhase(
  state: State,
  branch: number,
  phase: 'committing-one-phase' | 'committing-last' | 'committing-with-decision',
): Step {
  const type = phase === 'committing-with-decision' ? 'commit-with-decision' : 'commit-one-phase'
  return {
    state: withBranch({ ...state, phase }, branch, 'committing-one-phase'),
    effects: [{ type, branch }],
  }
}

/** A11: what the failed write carried may be on disk, so nothing that rests on it may be told. */
function notRecorded(state: State): Step {
  if (state.phase === 'recording-one-phase') return abort(state)
  return { state: { ...state, phase: 'in-doubt' }, effects: [{ type: 'in-doubt' }] }
}

/** Nothing was written: an abort is safe, unless the last resource has gone ahead. */
function refused(state: State): Step {
  const aheadOfUs = state.branches.some(({ role, phase }) => role === 'last' && phase !== 'active')
  if (!aheadOfUs) return abort(state)
  return { state: { ...state, phase: 'in-doubt' }, effects: [{ type: 'in-doubt' }] }
}

function onePhaseEnded(state: State, event: Extract<Event, { type: 'one-phase-ended' }>): Step {
  const { branch, result } = event
  if (isOver(state.phase) || phaseOf(state, branch) !== 'committing-one-phase') return ignore(state)
  const ended = withBranch(state, branch, 'ended')
  if (state.phase !== 'committing-one-phase') {
    const carries = branch === carrierOf(state)
    return carries ? carrierEnded(state, ended, result) : lastEnded(state, ended, result)
  }
  switch (result) {
    case 'committed': {
      const effects: Effect[] = [{ type: 'note-decision' }, { type: 'decided' }]
      return deliver({ ...ended, decision: 'committed' }, 'committing', effects)
    }
    case 'aborted':
      return abort(ended)
    case 'unknown':
      return lost(state, branch)
    default:
      return unreachable(result)
  }
}

/**
 * The deciding branch has ended, or nobody knows. Its row and its work are one commit: where that took
 * place the decision is durable, and where it can't any more there never was one.
 */
function carrierEnded(state: State, ended: State, result: OnePhaseResult): Step {
  if (result === 'committed') return deliver(ended, 'committing', [{ type: 'decided' }])
  if (result === 'aborted') return abort(ended)
  return state.phase === 'committing-with-decision' ? hold(state) : ignore(state)
}

/**
 * The last resource has answered, in time or while its transaction is held already. Its intent is
 * durable, so even an abort is forced before it is told: found alone, the intent presumes nothing.
 */
function lastEnded(state: State, ended: State, result: OnePhaseResult): Step {
  if (result !== 'unknown') return record(ended, result)
  return state.phase === 'held' ? ignore(state) : hold(state)
}

/** It may have committed, and the decision with it: the prepared branches wait (A2, A6). */
function hold(state: State): Step {
  return { state: { ...state, phase: 'held' }, effects: [{ type: 'held' }] }
}

/** The last resource has ended, on somebody's word; a deciding branch on what stands in its table. */
function resolve(state: State, decision: Decision): Step {
  const carrier = carrierOf(state)
  if (carrier >= 0) return carrierEnded(state, withBranch(state, carrier, 'ended'), decision)
  const last = state.branches.findIndex((branch) => branch.role === 'last')
  return record(withBranch(state, last, 'ended'), decision)
}

/** The only branch that wrote may have committed; the others only read, and are given up. */
function lost(state: State, lostBranch: number): Step {
  const effects: Effect[] = []
  const branches = state.branches.map((branch, number) => {
    if (number === lostBranch || branch.phase === 'ended') return branch
    effects.push({ type: 'roll-back', branch: number })
    return inPhase(branch, 'ended')
  })
  effects.push({ type: 'unknown' })
  return { state: { ...state, phase: 'unknown', branches }, effects }
}

/** Decides `aborted`. By presumption no record is needed (A9), but an intent must be ended. */
function abort(state: State): Step {
  const effects: Effect[] = [{ type: 'note-decision' }, { type: 'decided' }]
  return deliver({ ...state, decision: 'aborted' }, 'rolling-back', effects)
}

/** Phase 2: tells the decision to every branch that has not ended, all at once. */
function deliver(state: State, phase: 'committing' | 'rolling-back', effects: Effect[]): Step {
  const type = phase === 'committing' ? 'commit' : 'roll-back'
  const branches = state.branches.map((branch, number) => {
    if (hasEnded(branch)) return branch
    effects.push({ type, branch: number })
    return inPhase(branch, phase)
  })
  const decision = phase === 'committing' ? 'committed' : 'aborted'
  return thenSettle({ phase, branches, decision }, effects)
}

function acknowledged(state: State, event: Extract<Event, { type: 'acknowledged' }>): Step {
  const { branch, result } = event
  const phase = phaseOf(state, branch)
  if (phase !== 'committing' && phase !== 'rolling-back') return ignore(state)
  switch (result) {
    case 'done':
      return thenSettle(withBranch(state, branch, 'ended'), [])
    case 'heuristic':
      return thenSettle(withBranch(state, branch, 'heuristic'), [])
    case 'unknown':
      return { state, effects: [{ type: 'retry-later', branch }] }
    default:
      return unreachable(result)
  }
}

/** For ever, until the branch acknowledges (A10). */
function retry(state: State, branch: number): Step {
  const phase = phaseOf(state, branch)
  if (phase === 'committing') return { state, effects: [{ type: 'commit', branch }] }
  if (phase === 'rolling-back') return { state, effects: [{ type: 'roll-back', branch }] }
  return ignore(state)
}

function thenSettle(state: State, effects: Effect[]): Step {
  if (isOver(state.phase) || !state.branches.every(hasEnded)) return { state, effects }
  effects.push({ type: 'settled' })
  const phase: Phase = state.phase === 'committing' ? 'committed' : 'aborted'
  return { state: { phase, branches: state.branches, decision: state.decision }, effects }
}

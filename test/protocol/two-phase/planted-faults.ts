/**
 * Faults planted around the protocol, each of a kind that has lost real data somewhere: the
 * exploration is worth what it catches.
 */
import {
  carrierOf,
  type Event,
  type State,
  type Step,
} from '../../../src/protocol/two-phase/state.ts'
import { type Protocol, production } from './environment.ts'

export interface PlantedFault {
  readonly name: string
  readonly protocol: Protocol
  /** What the exploration must say. */
  readonly caughtBy: RegExp
}

const { step, recover } = production

export const plantedFaults: readonly PlantedFault[] = [
  fault('sends commit while its decision is being forced', /^A3: /, (state, event) => {
    const made = step(state, event)
    const early = forces(made, 'decision') && made.state.decision === 'committed'
    return early ? onceRecorded(made) : made
  }),
  fault('commits the last resource while its intent is being forced', /^A3: /, (state, event) => {
    const made = step(state, event)
    return forces(made, 'intent') ? onceRecorded(made) : made
  }),
  fault('tells an abort after an intent without forcing it', /^A2: /, (state, event) => {
    const made = step(state, event)
    const abort = forces(made, 'decision') && made.state.decision === 'aborted'
    return abort ? onceRecorded(made) : made
  }),
  fault('commits without a record before the log is told so', /^A9: |^A3: /, (state, event) => {
    const made = step(state, event)
    return forces(made, 'one-phase') ? onceRecorded(made) : made
  }),
  fault('counts a lost vote as a yes', /^A5: |^A3: |^A1: /, (state, event) => {
    if (event.type !== 'voted' || event.vote !== 'unknown') return step(state, event)
    const made = step(state, { ...event, vote: 'yes' })
    const lost = made.state.branches[event.branch]
    if (lost?.phase !== 'prepared') return made
    const branches = made.state.branches.with(event.branch, { ...lost, phase: 'unclear' })
    return { ...made, state: { ...made.state, branches } }
  }),
  fault('takes a failed forced write for a durable one', /^A3: |^A2: /, (state, event) =>
    step(state, event.type === 'not-recorded' ? { type: 'recorded' } : event),
  ),
  fault('rolls back after a failed forced write', /^A2: /, (state, event) => {
    const inDoubt = event.type === 'not-recorded' && state.phase === 'recording-decision'
    if (!inDoubt || state.branches.some(({ role }) => role === 'last')) return step(state, event)
    return step(state, { type: 'refused' })
  }),
  fault('takes a lost acknowledgement for one', /^A10: /, (state, event) => {
    const lost = event.type === 'acknowledged' && event.result === 'unknown'
    return step(state, lost ? { ...event, result: 'done' } : event)
  }),
  fault('never asks again', /^A10: /, (state, event) =>
    event.type === 'retry' ? { state, effects: [] } : step(state, event),
  ),
  fault('gives up a branch after its first lost acknowledgement', /^A10: /, (state, event) => {
    const made = step(state, event)
    const stays = made.effects.filter(({ type }) => type !== 'retry-later')
    const isLost = event.type === 'acknowledged' && event.result === 'unknown'
    return isLost ? { ...made, effects: [...stays, { type: 'settled' }] } : made
  }),
  fault('aborts on a time-out that comes after the intent', /^A1: |^A2: |^A3: /, (state, event) => {
    const tooLate = event.type === 'abort' && state.phase === 'committing-last'
    return step(tooLate ? { ...state, phase: 'preparing' } : state, event)
  }),
  fault('takes a lost one-phase answer for an abort', /^A10: .*nobody/, (state, event) => {
    const lost = event.type === 'one-phase-ended' && event.result === 'unknown'
    return step(state, lost ? { ...event, result: 'aborted' } : event)
  }),
  fault('sends the decision with a branch while a vote is missing', /^A1: /, (state, event) => {
    const made = step(state, event)
    const branch = carrierOf(state)
    const isEarly = event.type === 'commit' && made.state.phase === 'preparing' && branch >= 0
    if (!isEarly) return made
    return { ...made, effects: [...made.effects, { type: 'commit-with-decision', branch }] }
  }),
  fault('takes a lost answer of the deciding branch for an abort', /^A6: /, (state, event) => {
    const lost = event.type === 'one-phase-ended' && event.result === 'unknown'
    const carries = state.phase === 'committing-with-decision'
    return step(state, lost && carries ? { ...event, result: 'aborted' } : event)
  }),
  fault('tells commit when the decision is sent, not when it stands', /^A\d+: /, (state, event) => {
    const made = step(state, event)
    const sent = made.effects.find(({ type }) => type === 'commit-with-decision')
    if (sent === undefined || !('branch' in sent)) return made
    const { branch } = sent
    const next = step(made.state, { type: 'one-phase-ended', branch, result: 'committed' })
    return { state: next.state, effects: [...next.effects, sent] }
  }),
  fault('gives up the deciding branch when its decision is not sent', /^A10: /, (state, event) => {
    const unsent = event.type === 'refused' && state.phase === 'committing-with-decision'
    if (!unsent) return step(state, event)
    return step(state, { type: 'one-phase-ended', branch: carrierOf(state), result: 'aborted' })
  }),
  fault('lets a branch join while votes are coming in', /^A4: /, (state, event) => {
    const late = event.type === 'join' && state.phase === 'preparing'
    return late ? { state, effects: [] } : step(state, event)
  }),
  fault('sends messages before the books are told', /^A3: effects out of order/, (state, event) => {
    const made = step(state, event)
    return { ...made, effects: made.effects.toReversed() }
  }),
  {
    name: 'presumes abort for an intent that is found without a decision',
    caughtBy: /^A\d+: /,
    protocol: {
      step,
      recover: ({ decision, branches }) => recover({ decision: decision ?? 'aborted', branches }),
    },
  },
  {
    name: 'forgets a decided transaction that it finds in the log',
    caughtBy: /^A10: /,
    protocol: {
      step,
      recover: (found) => ({ ...recover(found), effects: [] }),
    },
  },
]

function fault(
  name: string,
  caughtBy: RegExp,
  faulty: (state: State, event: Event) => Step,
): PlantedFault {
  return { name, caughtBy, protocol: { step: faulty, recover } }
}

function forces({ effects }: Step, record: string): boolean {
  return effects.some((effect) => effect.type === 'force' && effect.record === record)
}

/** Goes on at once, as if the record that is being forced were durable. */
function onceRecorded({ state, effects }: Step): Step {
  const next = step(state, { type: 'recorded' })
  return { state: next.state, effects: [...effects.filter(isNoForce), ...next.effects] }
}

function isNoForce({ type }: Step['effects'][number]): boolean {
  return type !== 'force'
}

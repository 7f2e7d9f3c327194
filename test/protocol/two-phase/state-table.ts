/**
 * Reads the state table of `docs/protocols/two-phase.md`: the page is the specification that the
 * tests hold the code to, row by row.
 */
import { readFileSync } from 'node:fs'

import type { Decision } from '../../../src/core/decision.ts'
import type {
  BranchPhase,
  BranchState,
  Effect,
  Event,
  Phase,
  State,
} from '../../../src/protocol/two-phase/state.ts'

export interface Row {
  /** As it stands on the page. */
  readonly text: string
  readonly state: State
  readonly event: Event
  /** What the page says that comes of it, in the words of the page. */
  readonly next: string
  readonly branchesThen: string
  readonly effects: string
}

const page = new URL('../../../docs/protocols/two-phase.md', import.meta.url)

export function readStateTable(): Row[] {
  const lines = readFileSync(page, 'utf8').split('\n')
  const head = lines.findIndex((line) => line.startsWith('| state | branches | event |'))
  const end = lines.findIndex((line, index) => index > head && !line.startsWith('|'))
  return lines.slice(head + 2, end).map(readRow)
}

function readRow(text: string): Row {
  const cells = text.split('|').slice(1, -1)
  const [state = '', branches = '', event = '', next = '', branchesThen = '', effects = ''] =
    cells.map((cell) => cell.trim())
  return {
    text: `${state} [${branches}] on ${event}`,
    state: readState(state, branches),
    event: readEvent(event),
    next,
    branchesThen,
    effects,
  }
}

function readState(state: string, branches: string): State {
  const [phase, decision = impliedDecision(state)] = state.split(' ')
  return {
    phase: phase as Phase,
    decision: decision as Decision | undefined,
    branches: listed(branches).map(readBranch),
  }
}

function impliedDecision(state: string): Decision | undefined {
  if (state === 'committing' || state === 'committed') return 'committed'
  return state === 'rolling-back' || state === 'aborted' ? 'aborted' : undefined
}

/** The word before a phase says what a branch is; without one it is an ordinary two-phase branch. */
function readBranch(text: string): BranchState {
  const [phase = '', kind] = text.split(' ').toReversed()
  return {
    phase: phase as BranchPhase,
    role: kind === 'last' || kind === 'deciding' ? kind : 'two-phase',
    onePhase: kind !== undefined,
  }
}

function readEvent(text: string): Event {
  const [word = '', first = '', second = ''] = text.split(' ')
  const branch = Number(first)
  switch (word) {
    case 'join':
      return {
        type: 'join',
        role: first as BranchState['role'],
        onePhase: first !== 'two-phase',
      }
    case 'vote':
      return { type: 'voted', branch, vote: second as 'yes' }
    case 'one-phase':
      return { type: 'one-phase-ended', branch, result: second as 'committed' }
    case 'ack':
      return { type: 'acknowledged', branch, result: second as 'done' }
    case 'retry':
      return { type: 'retry', branch }
    case 'resolve':
      return { type: 'resolve', decision: first as Decision }
    default:
      return { type: word as 'commit' }
  }
}

/** A state in the words of the page: its phase, with the decision that is being recorded. */
export function phaseInWords({ phase, decision }: State): string {
  return phase === 'recording-decision' ? `${phase} ${decision}` : phase
}

export function branchesInWords({ branches }: State): string {
  const words = branches.map(({ phase, role, onePhase }) => {
    if (role !== 'two-phase') return `${role} ${phase}`
    return onePhase ? `one ${phase}` : phase
  })
  return words.join(', ') || '-'
}

export function effectsInWords(effects: readonly Effect[]): string {
  const words = effects.map((effect) => {
    if ('branch' in effect) return `${effect.type} ${effect.branch}`
    return 'record' in effect ? `${effect.type} ${effect.record}` : effect.type
  })
  return words.join(', ') || '-'
}

function listed(text: string): string[] {
  return text === '-' ? [] : text.split(', ')
}

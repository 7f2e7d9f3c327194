/** The branches of a state: how one is looked at, and how one gets another phase. */
import type { BranchPhase, BranchState, State } from './state.ts'

export function hasEnded(branch: BranchState): boolean {
  return branch.phase === 'ended' || branch.phase === 'heuristic'
}

export function phaseOf(state: State, branch: number): BranchPhase | undefined {
  return state.branches[branch]?.phase
}

// Field by field: this is done at every step, and copying whatever is there takes twice as long.
export function inPhase({ role, onePhase }: BranchState, phase: BranchPhase): BranchState {
  return { phase, role, onePhase }
}

export function withBranch(state: State, number: number, to: BranchPhase): State {
  const branch = state.branches[number]
  if (branch === undefined) return state
  const branches = state.branches.slice()
  branches[number] = inPhase(branch, to)
  return { phase: state.phase, branches, decision: state.decision }
}

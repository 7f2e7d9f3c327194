/**
 * The state in which a transaction goes on after its coordinator was lost, from what its log says.
 *
 * Keeps A1 and A2 (a durable decision is delivered again; an intent without one is held, never
 * presumed) and A10 (what was undelivered is delivered until acknowledged). A transaction without
 * any record has no state: its prepared branches are orphans, aborted by presumption (A9).
 */
import type { Decision } from '../../core/decision.ts'
import type { BranchPhase, BranchRole, Effect, State, Step } from './state.ts'

export interface RecordedTransaction {
  /** Undefined when only the intent to commit the last resource was found. */
  readonly decision: Decision | undefined
  /** Of each branch in the record: whether it is known to be over, and its role. */
  readonly branches: readonly { readonly ended: boolean; readonly role: BranchRole }[]
}

export function recover({ decision, branches }: RecordedTransaction): Step {
  if (decision === undefined) {
    return {
      state: stateOf('held', undefined, branches, (role) =>
        role === 'last' ? 'committing-one-phase' : 'prepared',
      ),
      effects: [{ type: 'held' }],
    }
  }
  const phase = decision === 'committed' ? 'committing' : 'rolling-back'
  const state = stateOf(phase, decision, branches, () => phase)
  const effects: Effect[] = [{ type: 'decided' }]
  state.branches.forEach((branch, number) => {
    if (branch.phase === 'committing') effects.push({ type: 'commit', branch: number })
    if (branch.phase === 'rolling-back') effects.push({ type: 'roll-back', branch: number })
  })
  if (effects.length > 1) return { state, effects }
  effects.push({ type: 'settled' })
  return { state: { ...state, phase: decision }, effects }
}

function stateOf(
  phase: State['phase'],
  decision: Decision | undefined,
  branches: RecordedTransaction['branches'],
  phaseOfBranch: (role: BranchRole) => BranchPhase,
): State {
  return {
    phase,
    decision,
    branches: branches.map(({ ended, role }) => ({
      role,
      onePhase: false,
      phase: ended ? 'ended' : phaseOfBranch(role),
    })),
  }
}

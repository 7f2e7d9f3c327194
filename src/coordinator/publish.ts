/** Turns a step of the protocol into the events that people and metrics see. */
import type { Events } from '../core/ports.ts'
import type { State } from '../protocol/two-phase/state.ts'
import type { StateChange } from './events.ts'
import type { LiveTransaction } from './live-transaction.ts'

/** Publishes what changed since `before` (all, where it is new); called only while somebody listens. */
export function publishChanges(
  events: Events<StateChange>,
  transaction: LiveTransaction,
  before: State | undefined,
): void {
  const { id, state, cause } = transaction
  state.branches.forEach((branch, position) => {
    const live = transaction.branches[position]
    if (live === undefined || before?.branches[position]?.phase === branch.phase) return
    events.publish({
      type: 'branch',
      id,
      branch: live.number,
      resource: live.resourceName,
      state: branch.phase,
      attempts: live.attempts,
      cause: live.cause,
    })
    if (branch.phase === 'heuristic' && live.heuristic !== undefined) {
      const { resource, kind, detail } = live.heuristic
      events.publish({ type: 'heuristic', id, resource, kind, detail })
    }
  })
  if (before?.phase === state.phase) return
  const { phase, decision } = state
  events.publish({ type: 'transaction', id, state: phase, decision, cause })
}

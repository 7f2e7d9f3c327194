/** What a coordinator publishes, as a trace shows it and a run counts it. */
import type { StateChange } from '../../coordinator/events.ts'
import { messageOf } from '../../core/errors.ts'

/** A change in words, and under what it counts. */
export function wordsOf(change: StateChange): { readonly line: string; readonly counted?: string } {
  switch (change.type) {
    case 'transaction': {
      const { id, state, cause } = change
      return { line: `${id} is ${state}${why(cause)}`, counted: `transaction ${state}` }
    }
    case 'branch': {
      const { id, branch, resource, state } = change
      return { line: `${id}.${branch} at ${resource} is ${state}` }
    }
    case 'heuristic':
      return { line: `${change.id} at ${change.resource}: heuristic ${change.kind}` }
    case 'resource':
      return { line: `finds ${change.resource} ${change.state}` }
    case 'orphan':
      return {
        line: `orphan ${change.id} is ${change.state}: ${change.detail}`,
        counted: `orphan ${change.state}`,
      }
    case 'log':
      return { line: `log ${change.log} is ${change.state}${why(change.cause)}` }
    case 'operator':
      return { line: `its operator ${change.by} does ${change.act} ${change.id}` }
  }
}

function why(cause: unknown): string {
  return cause === undefined ? '' : ` (${messageOf(cause)})`
}

/** What a log is told of a transaction: the part of it that records are made of. */
import type { HeuristicReport } from '../core/errors.ts'
import type { TransactionKey } from '../core/ids.ts'
import type { State } from '../protocol/two-phase/state.ts'
import type { RecordedResource, Resource } from './resources.ts'

/** What is recorded of a branch. */
export interface RecordableBranch {
  readonly number: number
  readonly evidence: string | undefined
  readonly resource: Resource | undefined
  /** For a recovered branch: its resource as the log knows it. */
  readonly recorded: (RecordedResource & { readonly number: number }) | undefined
  readonly heuristic: HeuristicReport | undefined
}

/**
 * How a transaction was committed: by votes and a forced decision; the same around one resource that
 * can't prepare; by votes and the local commit of the branch that took the decision along; by the
 * only branch that wrote; or by nothing, because no branch wrote.
 */
export type ProtocolName =
  | 'two-phase'
  | 'last-resource'
  | 'decision-in-participant'
  | 'one-phase'
  | 'none'

/** What is recorded of a transaction. */
export interface Recordable {
  readonly key: TransactionKey
  readonly state: State
  readonly branches: readonly RecordableBranch[]
  readonly protocol: ProtocolName
  /** Whether the log holds anything of it. */
  noted: boolean
}

export function roleOf(transaction: Recordable, number: number): string | undefined {
  return transaction.state.branches[number]?.role
}

/**
 * Whether a decision must reach this branch after a crash. One that commits with the decision is over
 * where the decision stands.
 */
export function mayBePrepared(transaction: Recordable, number: number): boolean {
  const phase = transaction.state.branches[number]?.phase
  if (phase === 'committing-one-phase') return false
  return phase !== 'ended' && phase !== 'read-only' && phase !== 'heuristic'
}

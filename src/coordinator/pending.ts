/** Unfinished transactions as people and programs read them: plain data, no live objects. */
import type { Decision } from '../core/decision.ts'
import { type HeuristicReport, messageOf } from '../core/errors.ts'
import { type BranchId, formatBranchId, type TransactionId } from '../core/ids.ts'
import type { UnfinishedTransaction } from '../log/contract.ts'
import type { BranchPhase, Phase } from '../protocol/two-phase/state.ts'
import type { Book } from './book.ts'
import type { LiveTransaction } from './live-transaction.ts'

export interface PendingBranch {
  /** As the resource stores it. */
  readonly id: BranchId
  readonly resource: string
  readonly state: BranchPhase
  /** How often the decision was sent to it. */
  readonly attempts: number
  /** The last thing that went wrong, in one line; empty when nothing did. */
  readonly problem: string
}

export interface PendingTransaction {
  readonly id: TransactionId
  /** `heuristic`: over, and waits to be forgotten. */
  readonly state: Phase | 'heuristic'
  readonly decision: Decision | undefined
  /** When it began, or was recorded; milliseconds since the Unix epoch. */
  readonly sinceMs: number
  /** Whether it waits for a resource or an operator. */
  readonly waits: boolean
  readonly branches: readonly PendingBranch[]
  readonly heuristics: readonly HeuristicReport[]
  /** The log that holds it. */
  readonly log: string
}

const underWay: ReadonlySet<Phase> = new Set<Phase>([
  'active',
  'preparing',
  'recording-one-phase',
  'recording-intent',
  'recording-decision',
  'committing-one-phase',
  'committing-last',
  'committing-with-decision',
])

export function describeLive(live: LiveTransaction): PendingTransaction {
  const { state } = live
  return {
    id: live.id,
    state: state.phase,
    decision: state.decision,
    sinceMs: live.beganWallMs,
    waits: waits(live),
    branches: live.branches.map((branch, position) => ({
      id: formatBranchId(live.id, branch.number),
      resource: branch.resourceName,
      state: state.branches[position]?.phase ?? 'active',
      attempts: branch.attempts,
      problem: branch.cause === undefined ? '' : messageOf(branch.cause),
    })),
    heuristics: live.heuristics,
    log: live.book.log.location,
  }
}

/** A decision that is being delivered for the first time is simply under way. */
function waits({ state, branches }: LiveTransaction): boolean {
  if (underWay.has(state.phase)) return false
  if (state.phase !== 'committing' && state.phase !== 'rolling-back') return true
  return branches.some((branch, position) => {
    const phase = state.branches[position]?.phase
    const undelivered = phase === 'committing' || phase === 'rolling-back'
    const isTrouble = branch.cause !== undefined || branch.heuristic !== undefined
    return undelivered && (branch.attempts > 1 || isTrouble || branch.recorded !== undefined)
  })
}

/** A transaction that only its log remembers: it ended with heuristics that nobody has forgotten. */
export function describeSettled(book: Book, found: UnfinishedTransaction): PendingTransaction {
  const names = new Map(book.log.resources().map(({ number, name }) => [number, name]))
  const heuristics = found.heuristics.map(({ resource, kind, detail }) => ({
    resource: names.get(resource) ?? `resource ${resource}`,
    kind,
    detail,
  }))
  const id = book.idOf(found.transaction)
  return {
    id,
    state: 'heuristic',
    decision: found.decided?.decision,
    sinceMs: found.decided?.wallMs ?? found.heuristics[0]?.wallMs ?? 0,
    waits: true,
    branches: found.heuristics.map(({ branch, resource, detail }) => ({
      id: formatBranchId(id, branch),
      resource: names.get(resource) ?? `resource ${resource}`,
      state: 'heuristic',
      attempts: 0,
      problem: detail,
    })),
    heuristics,
    log: book.log.location,
  }
}

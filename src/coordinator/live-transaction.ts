/** What the engine holds in memory of a transaction that is not over. */
import { appended } from '../core/appended.ts'
import type { Decision } from '../core/decision.ts'
import type { HeuristicReport, VoteReport } from '../core/errors.ts'
import type { TransactionId, TransactionKey } from '../core/ids.ts'
import { invariant } from '../core/invariant.ts'
import type { BatchBranch, Branch, FinishableBranch } from '../participants/contract.ts'
import { type Event, initialState, type State } from '../protocol/two-phase/state.ts'
import type { Book } from './book.ts'
import type { Deadline } from './deadlines.ts'
import type { ProtocolName, Recordable, RecordableBranch } from './recordable.ts'
import type { RecordedResource, Resource } from './resources.ts'

/** How a transaction ended, as far as its caller may be told. */
export type Conclusion =
  | { readonly decision: Decision }
  /** Held, in doubt, or lost: nobody can tell yet, or any more. */
  | { readonly decision: 'unknown'; readonly cause: unknown }

export class LiveBranch implements RecordableBranch {
  /** Its number in its id. */
  readonly number: number
  readonly resourceName: string
  resource: Resource | undefined
  /** For a recovered branch: where the log says it is, and by what number. */
  readonly recorded: (RecordedResource & { readonly number: number }) | undefined
  /** Begun in this process, and not joining any more. */
  handle: Branch | undefined
  finishable: FinishableBranch | undefined
  joining = false
  /** Settles when it no longer joins, however that ended; never rejects. */
  joined: Promise<void> | undefined
  /** How its joining asked for it. */
  isolation: string | undefined
  readOnly = false
  /** It runs statements that were all given, and takes no other work. */
  isBatch = false
  /** The resource refused or could not be reached: nothing is open there. */
  neverBegan = false
  vote: VoteReport['vote'] = 'none'
  evidence: string | undefined
  /** The last thing that went wrong with it. */
  cause: unknown
  /** What had made it unable to commit when it was told to roll back, in the resource's words. */
  doom: unknown
  heuristic: HeuristicReport | undefined
  /** It has ended on somebody's word; what a slower attempt says of it later proves nothing. */
  isProved = false
  /** Whether it occupies one of its resource's prepared slots. */
  occupiesSlot = false
  /** Attempts to deliver the decision; the latest is the one whose silence counts. */
  attempts = 0
  awaitsAnswer = false
  timer: Deadline | undefined

  constructor(
    number: number,
    at: Resource | { readonly recorded: RecordedResource & { readonly number: number } },
  ) {
    this.number = number
    this.recorded = 'recorded' in at ? at.recorded : undefined
    this.resource = 'recorded' in at ? undefined : at
    this.resourceName = 'recorded' in at ? at.recorded.name : at.name
  }
}

/** Who is told of a conclusion: the caller's side. */
export interface Watcher {
  /** `conclusion` is set. */
  concluded(): void
  /** Every branch has acknowledged. */
  settled(): void
}

export class LiveTransaction implements Recordable {
  readonly id: TransactionId
  readonly key: TransactionKey
  readonly book: Book
  readonly beganWallMs: number
  /** By the monotonic clock. */
  readonly deadlineMs: number
  readonly timeoutMs: number
  state: State = initialState
  branches: readonly LiveBranch[] = []
  /** Takes no more branches nor work (A4); set before prepare begins. */
  sealed = false
  /** Why it rolls back: what the caller will be told. */
  cause: unknown
  conclusion: Conclusion | undefined
  settled = false
  watcher: Watcher | undefined
  /** Runs once when it is decided to roll back while the caller's work may still run. */
  onInterrupt: (() => void) | undefined
  deadline: Deadline | undefined
  /** Stops waiting for admission. */
  leaveAdmission: (() => void) | undefined
  /** The cheapest way that keeps the promise, as it turned out. */
  protocol: ProtocolName = 'none'
  /** Whether its log holds anything that settling must end. */
  noted = false
  readonly inbox: Event[] = []
  dispatching = false

  constructor(options: {
    readonly id: TransactionId
    readonly key: TransactionKey
    readonly book: Book
    readonly beganWallMs: number
    readonly deadlineMs: number
    readonly timeoutMs: number
  }) {
    this.id = options.id
    this.key = options.key
    this.book = options.book
    this.beganWallMs = options.beganWallMs
    this.deadlineMs = options.deadlineMs
    this.timeoutMs = options.timeoutMs
  }

  addBranch(branch: LiveBranch): void {
    this.branches = appended(this.branches, branch)
  }

  /** The branch at a resource, where there is one. */
  branchOf(resource: Resource): LiveBranch | undefined {
    for (const branch of this.branches) if (branch.resource === resource) return branch
    return undefined
  }

  get heuristics(): HeuristicReport[] {
    return this.branches.flatMap((branch) => branch.heuristic ?? [])
  }

  get votes(): VoteReport[] {
    return this.branches.map(({ resourceName, vote, cause }) => ({
      resource: resourceName,
      vote,
      cause,
    }))
  }
}

/** Refuses further work (A4); answers what was begun and not awaited. */
export function seal(transaction: LiveTransaction): readonly string[] {
  const begun: string[] = []
  if (transaction.sealed) return begun
  transaction.sealed = true
  for (const branch of transaction.branches) {
    const { resourceName } = branch
    if (branch.joining) begun.push(`join of ${resourceName}`)
    else for (const work of branch.handle?.seal() ?? []) begun.push(`${resourceName}: ${work}`)
  }
  return begun
}

/** The branch that the protocol means by a position. */
export function branchAt(transaction: LiveTransaction, position: number): LiveBranch {
  const branch = transaction.branches[position]
  invariant(branch !== undefined, 'A1', 'an effect for a branch that is not there', position)
  return branch
}

/** What the protocol calls a branch. */
export function positionOf(transaction: LiveTransaction, branch: LiveBranch): number {
  return transaction.branches.indexOf(branch)
}

/** It can't commit, so its vote need not be asked. */
export function isDoomed(branch: LiveBranch): boolean {
  return branch.neverBegan || branch.handle?.doomed !== undefined
}

/** The branch as a batch, whose statements run with its vote or its commit; undefined for others. */
export function batchOf({ handle, isBatch }: LiveBranch): BatchBranch | undefined {
  return isBatch ? (handle as BatchBranch | undefined) : undefined
}

/**
 * The states of a transaction under two-phase commit with presumed abort (Mohan, Lindsay and
 * Obermarck 1986), with one-phase commit for a single branch, one last resource, or one branch that
 * takes the decision along into its own commit.
 *
 * States, events and effects are data. Causes, clients and clocks belong to the engine.
 */
import type { Decision } from '../../core/decision.ts'

export type BranchPhase =
  /** Takes work. */
  | 'active'
  /** Asked for its vote. */
  | 'preparing'
  /** Voted yes; in doubt until it learns the decision. */
  | 'prepared'
  /** Wrote nothing, and is still open. */
  | 'read-only'
  /** Asked for its vote, and the answer was lost: it may be prepared. */
  | 'unclear'
  /** Told to commit without a vote, alone or with the decision. */
  | 'committing-one-phase'
  | 'committing'
  | 'rolling-back'
  /** Over as decided, proved; or wrote nothing; or voted no. */
  | 'ended'
  /** Over against, or without, the decision. */
  | 'heuristic'

/**
 * `last`: it can't prepare, so it commits after all others are prepared (at most one). `deciding`: it
 * is at the resource that keeps the decisions, so its own commit can carry one (at most one).
 */
export type BranchRole = 'two-phase' | 'last' | 'deciding'

export interface BranchState {
  readonly phase: BranchPhase
  readonly role: BranchRole
  /** Whether it can commit without a vote when it is the only one. */
  readonly onePhase: boolean
}

export type Phase =
  /** Branches join and work. */
  | 'active'
  /** Closed; votes are being collected. */
  | 'preparing'
  /** The log is being told, once an epoch, that some commits leave no forced record. */
  | 'recording-one-phase'
  /** All others are prepared; the intent to commit the last resource is being forced. */
  | 'recording-intent'
  /** The last resource was told to commit. */
  | 'committing-last'
  /** All others are prepared; the deciding branch was told to commit, and the decision with it. */
  | 'committing-with-decision'
  /** The only branch that wrote was told to commit. */
  | 'committing-one-phase'
  /** The decision is being forced; nobody knows it yet. */
  | 'recording-decision'
  /** Decided `committed`; being delivered. */
  | 'committing'
  /** Decided `aborted`; being delivered. */
  | 'rolling-back'
  /**
   * The fate of the branch that commits without a vote is not known. After a last resource: kept for
   * evidence or an operator (A2). After a deciding branch: its row, or its absence, will tell.
   */
  | 'held'
  /** The decision may or may not be on disk (A11): this process leaves the branches prepared. */
  | 'in-doubt'
  /** Over; decided `committed` and every branch has acknowledged. */
  | 'committed'
  /** Over; decided `aborted` and every branch has acknowledged. */
  | 'aborted'
  /** Over; the answer to a one-phase commit was lost. */
  | 'unknown'

export interface State {
  readonly phase: Phase
  readonly branches: readonly BranchState[]
  /** What is being recorded or was decided. */
  readonly decision: Decision | undefined
}

export type Event =
  /** A branch joins; its number is the count of those before it. */
  | { readonly type: 'join'; readonly role: BranchRole; readonly onePhase: boolean }
  /** The work is done: commit. */
  | { readonly type: 'commit' }
  /** Roll back: the work failed, the time-out passed, or the caller cancelled. */
  | { readonly type: 'abort' }
  | {
      readonly type: 'voted'
      readonly branch: number
      /** `ended`: read-only, and over. */
      readonly vote: 'yes' | 'read-only' | 'ended' | 'no' | 'unknown'
    }
  | {
      readonly type: 'one-phase-ended'
      readonly branch: number
      readonly result: 'committed' | 'aborted' | 'unknown'
    }
  /** The record that was forced last is durable. */
  | { readonly type: 'recorded' }
  /** Nobody can tell whether it is (A11). */
  | { readonly type: 'not-recorded' }
  /** The log has failed and took nothing: certainly no record is on disk, nor a decision sent. */
  | { readonly type: 'refused' }
  | {
      readonly type: 'acknowledged'
      readonly branch: number
      readonly result: 'done' | 'heuristic' | 'unknown'
    }
  /** The back-off of a branch has passed. */
  | { readonly type: 'retry'; readonly branch: number }
  /** Evidence, or an operator, settles a held transaction. */
  | { readonly type: 'resolve'; readonly decision: Decision }

/**
 * What the engine must do, in this order. A message that carries a decision (`commit`, and
 * `roll-back` after a recorded abort) only ever follows the event `recorded` of that decision (A3),
 * or needs no record (A9: an abort; no branch wrote; the branch's own commit carries it).
 */
export type Effect =
  | { readonly type: 'prepare'; readonly branch: number }
  | { readonly type: 'commit-one-phase'; readonly branch: number }
  /** Commit the branch and the row of the decision together; answer with `one-phase-ended`. */
  | { readonly type: 'commit-with-decision'; readonly branch: number }
  | { readonly type: 'commit'; readonly branch: number }
  | { readonly type: 'roll-back'; readonly branch: number }
  /** Force a record; answer with `recorded`, `not-recorded` or `refused`. */
  | { readonly type: 'force'; readonly record: 'one-phase' | 'intent' | 'decision' }
  /** Write the decision lazily: for the books, not for safety. */
  | { readonly type: 'note-decision' }
  /** Send this branch its decision again after a back-off; answer with `retry`. */
  | { readonly type: 'retry-later'; readonly branch: number }
  /** The decision stands, and may be told. */
  | { readonly type: 'decided' }
  /** Every branch has acknowledged; the transaction is over. */
  | { readonly type: 'settled' }
  | { readonly type: 'held' }
  | { readonly type: 'in-doubt' }
  /** Over, and nobody can tell how. */
  | { readonly type: 'unknown' }

export interface Step {
  readonly state: State
  readonly effects: readonly Effect[]
}

export const initialState: State = {
  phase: 'active',
  branches: [],
  decision: undefined,
}

/** Nothing more will happen to the transaction in this process without an operator. */
export function isOver(phase: Phase): boolean {
  return phase === 'committed' || phase === 'aborted' || phase === 'unknown'
}

/** Its only branch commits without a vote. */
export function isAlone({ branches }: State): boolean {
  return branches.length === 1 && branches[0]?.onePhase === true
}

/**
 * The branch whose own commit carries the decision; -1 where there is none. Beside a last resource
 * the decision follows that one's commit, so the deciding branch prepares like any other.
 */
export function carrierOf({ branches }: State): number {
  let carrier = -1
  for (let number = 0; number < branches.length; number += 1) {
    const role = branches[number]?.role
    if (role === 'last') return -1
    if (role === 'deciding') carrier = number
  }
  return carrier
}

/** The decision that may be told, if there is one. */
export function decisionOf(state: State): Decision | undefined {
  switch (state.phase) {
    case 'committing':
    case 'committed':
      return 'committed'
    case 'rolling-back':
    case 'aborted':
      return 'aborted'
    default:
      return undefined
  }
}

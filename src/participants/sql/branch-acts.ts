/** What a database does for one of its branches, on the branch's session and beside it. */
import type { Decision } from '../../core/decision.ts'
import type { DecisionRow } from '../../core/decision-table.ts'
import type { Acknowledgement, OnePhaseResult, Savepoint, Vote } from '../contract.ts'
import type { Lost } from './gate.ts'

export interface BranchActs {
  /** What the user's callback works with. */
  readonly client: object
  /** Set once the session is gone, or was given up. */
  readonly lost: Lost
  /** Whether the session is still the branch's. */
  readonly isHeld: boolean
  /**
   * `no` leaves the session without a transaction; `unknown` leaves it to be discarded. The limit
   * is on what the server works for; answers that cost it nothing have the participant's own.
   */
  vote(limitMs: number): Promise<Vote>
  commitWithoutVote(limitMs: number): Promise<OnePhaseResult>
  /** The same, with the row of the decision; absent where the database keeps no decisions. */
  commitWithDecision?(row: DecisionRow, limitMs: number): Promise<OnePhaseResult>
  savepoint(name: string): Promise<Savepoint>
  /** Ends a transaction that is not prepared; rejects when that was not answered. */
  endOpen(how: 'commit' | 'rollback'): Promise<Acknowledgement>
  /**
   * What is to be said of an open transaction whose end was not answered: `done`, because without
   * a vote the server keeps nothing of it, unless its work may have ended it unseen.
   */
  readonly unansweredEnd: Acknowledgement
  /** Finishes a prepared branch on its session; rejects when the answer leaves it unknown. */
  finish(decision: Decision, evidence: string | undefined): Promise<Acknowledgement>
  /** The same over connections of our own. Never rejects. */
  deliver(decision: Decision, evidence: string | undefined): Promise<Acknowledgement>
  /** The same where nobody knows whether it prepared. Never rejects. */
  deliverUnsure(decision: Decision): Promise<Acknowledgement>
  /** Ends the session at the server where something still runs in it; to save waiting only. */
  endSession(): void
  /** Gives the session back as it came, or closes it where that can't be had. */
  giveBack(): void
  /** Parts with a session whose branch is prepared, and goes on being so. */
  partPrepared(): void
  /** Closes the session. */
  discard(cause: unknown): void
}

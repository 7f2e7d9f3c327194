/**
 * What the coordinator asks of a participant, whatever resource stands behind it.
 *
 * Votes, acknowledgements and unknown results are values; a method rejects only for what its
 * description names. A yes is proved by the resource (A5). A lost connection or reply is `unknown`,
 * never taken for failure or success (A6). Every method may be called again after an `unknown`,
 * also while the earlier call still hangs; the later call takes over.
 */
import type { Decision, HeuristicKind } from '../core/decision.ts'
import type { DecisionRow, DecisionTable } from '../core/decision-table.ts'
import type { ReportedFinding } from '../core/findings.ts'
import type { BranchId, LogIdentity, TransactionId } from '../core/ids.ts'
import type { Clock, Random, Timers } from '../core/ports.ts'

/** The ports that a participant may use, and the name that the user gave it. */
export interface ParticipantPorts {
  readonly resource: string
  readonly clock: Clock
  readonly timers: Timers
  readonly random: Random
  /** Whose log this process works for, once that is open: sessions of our own may say so. */
  readonly owner?: () => LogOwner | undefined
}

/** A vote on whether a branch can commit. */
export type Vote =
  /** Prepared, durably, and shown by the resource. `evidence` proves its fate later. */
  | { readonly vote: 'yes'; readonly evidence: string | undefined }
  /**
   * Wrote nothing. With `ended` it is over (its end was the vote); without, it is still open and
   * is ended by `commit` or `rollback` in phase 2.
   */
  | { readonly vote: 'read-only'; readonly ended: boolean }
  /** Rolled back at the resource; nothing is left to finish. */
  | { readonly vote: 'no'; readonly cause: unknown }
  /** The question or the answer was lost: it may have prepared. */
  | { readonly vote: 'unknown'; readonly cause: unknown }

/** The answer to a delivered decision. */
export type Acknowledgement =
  /** The branch has ended as told, and that is proved; telling it again changes nothing. */
  | { readonly result: 'done' }
  /** It ended against the decision (`committed`, `rolled-back`), or nobody can tell (`hazard`). */
  | {
      readonly result: 'heuristic'
      readonly kind: HeuristicKind
      readonly detail: string
    }
  /** Not known to have ended: tell it again. */
  | { readonly result: 'unknown'; readonly cause: unknown }

export type OnePhaseResult =
  | { readonly result: 'committed' }
  | { readonly result: 'aborted'; readonly cause: unknown }
  | { readonly result: 'unknown'; readonly cause: unknown }

/** A prepared (or possibly prepared) branch, however it is reached: decisions are delivered to it. */
export interface FinishableBranch {
  commit(): Promise<Acknowledgement>
  rollback(): Promise<Acknowledgement>
}

/** A point inside a branch that its work can be rolled back to. */
export interface Savepoint {
  release(): Promise<void>
  rollback(): Promise<void>
}

/** A branch of a live transaction. */
export interface Branch<Client = unknown> extends FinishableBranch {
  /** What the user's callback works with. */
  readonly client: Client
  /**
   * Refuses the client's use from now on, synchronously (A4). Answers the work that was begun and
   * not awaited, in words, one entry each; the branch must then not commit.
   */
  seal(): readonly string[]
  /** Asks for the vote. Called once, after `seal`. */
  prepare(): Promise<Vote>
  /** Commits without a vote: the only branch, or the last resource. Called once, after `seal`. */
  commitOnePhase(): Promise<OnePhaseResult>
  /**
   * Commits its work and the row of the decision in one local commit, so that both are there or
   * neither. Called once, after `seal`, when every other branch has voted yes; absent where the
   * resource keeps no decisions. `aborted` only when it can't commit any more: also where the key was
   * taken, because somebody presumed the transaction aborted.
   */
  readonly commitWithDecision?: ((row: DecisionRow) => Promise<OnePhaseResult>) | undefined
  /** Sets a savepoint; absent where the resource has none. Rejects with the resource's error. */
  savepoint?(): Promise<Savepoint>
  /**
   * Set once the branch can't commit any more (a failed statement that it can't recover from, a
   * lost connection); the first cause. The engine then skips the vote.
   */
  readonly doomed: { readonly cause: unknown } | undefined
}

export interface BeginOptions {
  readonly id: BranchId
  readonly transaction: TransactionId
  /** Milliseconds until the transaction's time-out; the source of the resource's own limits. */
  readonly timeLeftMs: number
  readonly isolation: string | undefined
  readonly readOnly: boolean
  /**
   * True where the work declared this resource alone: it will be committed in one phase unless the
   * work joins another after all, so what can't be prepared may be done in it.
   */
  readonly onlyBranch?: boolean | undefined
}

/** A statement of a batch. */
export interface BatchStatement {
  readonly text: string
  readonly values: readonly unknown[]
}

/** A branch whose whole work was known when it began. */
export interface BatchBranch<Result = unknown> extends Branch {
  /** What each statement answered, in order; known once the branch has voted or committed. */
  readonly results: readonly Result[]
  /** The statement that failed, by its index, and the resource's error. */
  readonly failed: FailedStatement | undefined
}

export interface FailedStatement {
  readonly statement: number
  readonly cause: unknown
}

/** What a check of the resource found. */
export type ResourceCheck =
  | {
      readonly status: 'ready'
      /** The same for every name and connection that reaches this resource, and for no other. */
      readonly fingerprint: string
      /** How many branches can be prepared at once, where the resource has such a limit. */
      readonly preparedLimit: number | undefined
    }
  /** Not reached: ask again. */
  | { readonly status: 'unavailable'; readonly cause: unknown }
  /** Reached, and it can't keep the promise as it is set up (A5). */
  | { readonly status: 'refused'; readonly problem: string; readonly cure: string }

/** A prepared branch found at the resource. */
export interface PreparedBranch {
  /** The id as the resource stores it; a stranger's is any text. */
  readonly id: string
  /** When it was prepared, milliseconds since the Unix epoch by the resource's clock. */
  readonly preparedAtMs: number | undefined
}

/** What the doctor tells an implementation that examines its resource. */
export interface DiagnosisRequest {
  /** The logs of this installation: their branches are ours. */
  readonly logs: ReadonlySet<LogIdentity>
}

/** What an implementation's own examination of its resource found. */
export interface Diagnosis {
  /** The product and its version, in words. */
  readonly product: string
  readonly findings: readonly ReportedFinding[]
  /**
   * The server's clock less this machine's; the true difference is within `uncertaintyMs` of it.
   * Undefined where the resource has no clock to ask.
   */
  readonly clock: { readonly aheadMs: number; readonly uncertaintyMs: number } | undefined
  /** Room for prepared branches, where the resource has a limit: all of `server` share it. */
  readonly room:
    | {
        readonly server: string
        readonly limit: number
        /** How many branches this pool can have prepared at once. */
        readonly poolSize: number
        /** The command that sets the limit. */
        raiseTo(limit: number): string
      }
    | undefined
  /** Undefined where the resource tells of each branch when it was prepared, or tells nothing. */
  readonly undated: UndatedBranches | undefined
  /** What is prepared there, where `listPrepared` shows more than belongs to this resource. */
  readonly prepared?: readonly PreparedBranch[] | undefined
  /** The statement by which an operator lists what is prepared. */
  readonly preparedQuery: string
  /** Logs whose processes have a session there now, as far as the resource tells. */
  readonly present: readonly LogOwner[]
}

/** What is prepared at a server that does not tell when each branch was: one age for them all. */
export interface UndatedBranches {
  /** For how long the oldest of them is open, at least; undefined where none of them is seen. */
  readonly oldestAgeMs: number | undefined
  /** How many of them belong to another resource, and are not listed by this one. */
  readonly elsewhere: number
}

/** An installation's log, as sessions name it. */
export interface LogOwner {
  readonly installation: string
  readonly log: string
}

/** A prepared branch to be finished after its coordinator was lost. */
export interface RecoveredBranchOptions {
  readonly id: BranchId
  readonly evidence: string | undefined
}

export interface DecisionTableOptions {
  /** Makes the tables where they are missing; else that is refused, with the statements to run. */
  readonly create: boolean
}

export interface Participant<Client = unknown, Result = unknown> {
  /** `postgres`, `custom`, ... */
  readonly kind: string
  /** False for a resource that can't prepare: it takes part as the last resource only. */
  readonly canPrepare: boolean
  /** Whether `commitOnePhase` is to be used for a transaction's only branch. */
  readonly canCommitOnePhase: boolean
  /** Called once, before anything else; makes no connection. */
  attach(ports: ParticipantPorts): void
  /** Examines the resource; called at open and again until it is ready. Never rejects. */
  check(): Promise<ResourceCheck>
  /** Begins a branch. Rejects with the resource's error when it can't; then nothing is left open. */
  begin(options: BeginOptions): Promise<Branch<Client>>
  /**
   * Begins a branch that runs nothing but these statements, which need nothing of each other's
   * results: now, or when it is asked for its vote, with as few messages as the resource can do
   * with. A statement that fails is a no. Absent where the resource takes no statements. Rejects as
   * `begin`, and for a statement that can't be in a branch.
   */
  beginBatch?(
    options: BeginOptions,
    statements: readonly BatchStatement[],
  ): Promise<BatchBranch<Result>>
  /** Runs them on the client of a branch that has other work, too; rejects with the first error. */
  runBatch?(client: Client, statements: readonly BatchStatement[]): Promise<readonly Result[]>
  /** Reaches a prepared branch by its id, by connections of our own. */
  recover(options: RecoveredBranchOptions): FinishableBranch
  /** All prepared branches of this resource; absent where it can't be asked. May reject. */
  listPrepared?(): Promise<readonly PreparedBranch[]>
  /**
   * For a last resource: whether the branch's local commit took place; `aborted` only when it can't
   * any more. Absent where the resource keeps no evidence.
   */
  evidenceOf?(branch: BranchId): Promise<Decision | 'unknown'>
  /**
   * The decisions that are kept in this resource's database; absent where it can't keep any. Called
   * at most once, after `attach`; makes no connection.
   */
  decisionTable?(options: DecisionTableOptions): DecisionTable
  /** Examines the resource for the doctor, and changes nothing. May reject; need not be bounded. */
  diagnose?(request: DiagnosisRequest): Promise<Diagnosis>
  /** Gives up connections of our own; the user's pool stays the user's. */
  close(): Promise<void>
}

/** The client type of a participant. */
export type ClientOf<P> = P extends Participant<infer Client> ? Client : never

/** What a participant answers a statement. */
export type ResultOf<P> = P extends Participant<infer _Client, infer Result> ? Result : never

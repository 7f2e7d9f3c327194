/**
 * What the coordinator asks of a decision log, whatever keeps it.
 *
 * Invariants: a decision is written by create-if-absent and never changes (A2); `durable` runs only
 * after the record survives any crash (A3); after a failed forced write the log fails stop (A11);
 * what is recovered was written anew before it is handed over (A11).
 */
import type { Decision, HeuristicKind } from '../core/decision.ts'
import type { DecisionRow } from '../core/decision-table.ts'
import type { InstallationName, LogIdentity, TransactionKey } from '../core/ids.ts'

/** One branch as a decision remembers it. */
export interface BranchRecord {
  /** The branch's number in its transaction. */
  readonly branch: number
  /** The resource's number in this log; see the record `resource`. */
  readonly resource: number
  /** What proves the branch's fate when its id is gone: for PostgreSQL its xid. */
  readonly evidence: string | undefined
}

/** How long the parts of an operator's signature may be, in characters. */
export const signatureLimits: Readonly<Record<keyof Signature, number>> = { by: 200, reason: 1_000 }

/** An operator's signature. */
export interface Signature {
  readonly by: string
  readonly reason: string
}

/** Wall-clock times are milliseconds since the Unix epoch, for people; nothing is decided by them. */
export type LogRecord =
  /** The decision. Aborts are recorded only where absence would not mean abort (after an intent). */
  | {
      readonly type: 'decided'
      readonly transaction: TransactionKey
      readonly decision: Decision
      readonly protocol: string
      readonly wallMs: number
      readonly branches: readonly BranchRecord[]
    }
  /** The last resource is about to commit; found without a decision, the transaction is held. */
  | {
      readonly type: 'intent'
      readonly transaction: TransactionKey
      readonly wallMs: number
      /** The number of the branch that can't prepare. */
      readonly last: number
      readonly branches: readonly BranchRecord[]
    }
  /** Every branch has acknowledged; the outcome is retained, the branches are forgotten. */
  | { readonly type: 'settled'; readonly transaction: TransactionKey }
  /** A branch ended against, or without, the decision. Kept until forgotten. */
  | {
      readonly type: 'heuristic'
      readonly transaction: TransactionKey
      readonly branch: number
      readonly resource: number
      readonly kind: HeuristicKind
      readonly detail: string
      readonly wallMs: number
    }
  /**
   * An operator's act: a decision for a held transaction (`branch` undefined), or the override of
   * one branch (A2: never a change of the decision).
   */
  | ({
      readonly type: 'resolved'
      readonly transaction: TransactionKey
      readonly branch: number | undefined
      readonly decision: Decision
      readonly wallMs: number
    } & Signature)
  /** An operator has seen the heuristics of this transaction; it leaves the lists. */
  | ({
      readonly type: 'forgotten'
      readonly transaction: TransactionKey
      readonly wallMs: number
    } & Signature)
  /** An operator settled a prepared branch of a log that is not ours. */
  | ({
      readonly type: 'stranger-resolved'
      /** The branch's id as the resource stores it. */
      readonly id: string
      readonly resource: number
      readonly decision: Decision
      readonly wallMs: number
    } & Signature)
  /** A resource's name and fingerprint, before any branch refers to its number. */
  | {
      readonly type: 'resource'
      readonly number: number
      readonly name: string
      readonly kind: string
      readonly fingerprint: string
    }
  /**
   * From this transaction on, ids of this epoch may have committed without a forced record (in one
   * phase, or because no branch wrote): for them absence means `unknown`, not `aborted`.
   */
  | { readonly type: 'one-phase'; readonly transaction: TransactionKey }

export type RecordOf<Type extends LogRecord['type']> = Extract<LogRecord, { type: Type }>

/** A transaction that the log keeps because something about it is unfinished. */
export interface UnfinishedTransaction {
  readonly transaction: TransactionKey
  readonly intent: RecordOf<'intent'> | undefined
  readonly decided: RecordOf<'decided'> | undefined
  readonly settled: boolean
  readonly heuristics: readonly RecordOf<'heuristic'>[]
  readonly resolved: readonly RecordOf<'resolved'>[]
  /** Whether an operator has seen all its heuristics. */
  readonly forgotten: boolean
}

/** What the log can say of a transaction that the coordinator does not have in memory. */
export type RetainedOutcome =
  | 'committed'
  | 'aborted'
  | 'mixed'
  | 'hazard'
  /** An intent without a decision. */
  | 'held'
  /** Not recorded although it would be, had it committed: presumed aborted. */
  | 'absent'
  /** Older than what is retained, possibly one-phase, of another log, or not issued yet. */
  | 'unknown'

export interface DecisionLog {
  readonly installation: InstallationName
  readonly identity: LogIdentity
  /** Grows with every opening; transactions begun now carry it. */
  readonly epoch: number
  /** Where it is, for people: a path, a URL without secrets. */
  readonly location: string
  /** Whether nothing of ours could be left anywhere when it was closed last (or it is new). */
  readonly closedCleanly: boolean
  /** What was unfinished when the log was opened. */
  readonly recovered: readonly UnfinishedTransaction[]
  /** Every resource that this log knows, by number. */
  resources(): readonly RecordOf<'resource'>[]
  /** Set once a forced write has failed; the log then takes no record more (A11). */
  readonly failure: Error | undefined

  /**
   * Takes a record, in order. With `durable` the record is forced, and `durable` runs exactly once:
   * with undefined when the record, and all before it, survive any crash; with the error when that
   * can't be known. Without it the record is lazy: it goes with the next forced write, or soon.
   * Records that wait share one forced write. Never calls back before it returns.
   */
  append(record: LogRecord, durable?: (failure: Error | undefined) => void): void

  /** A2, A9: what is known of a transaction of this log. */
  outcome(transaction: TransactionKey): RetainedOutcome

  /**
   * Makes absence final, before a prepared branch is told `aborted` by presumption: afterwards nobody
   * can commit the transaction any more. `found` runs exactly once, never before this returns, with
   * the decision that stands, or with the error when that can't be known now: ask again.
   */
  presumeAborted(transaction: TransactionKey, found: (standing: Decision | Error) => void): void

  /**
   * Set where decisions are kept in a participant's database: the branch there can carry the decision
   * `committed` in its own local commit, and then it is not appended.
   */
  readonly carried: CarriedDecisions | undefined

  /** What is unfinished now; the same objects as `recovered`, with what was appended since. */
  unfinished(): readonly UnfinishedTransaction[]

  /** Figures for people and benchmarks. */
  statistics(): LogStatistics

  /**
   * Writes what waits, and gives the log up. With `clean`, nothing of ours can be left anywhere:
   * nobody needs to recover it until it is opened again.
   */
  close(options: { readonly clean: boolean }): Promise<void>
}

/** Decisions that travel with the local commit of the branch at one resource. */
export interface CarriedDecisions {
  /** The resource's name. */
  readonly resource: string
  /** The row that the branch has to insert. The resources that it names must be durable before. */
  rowOf(record: RecordOf<'decided'>): DecisionRow
  /** The branch has committed, and the row with it: the decision stands. */
  note(record: RecordOf<'decided'>): void
}

export interface LogStatistics {
  readonly forcedWrites: number
  readonly records: number
  readonly bytesOnDisk: number
  readonly retainedOutcomes: number
}

/** A place with room for several logs, one for each process that shares it. */
export interface DecisionLogs {
  /** Locks the first free log (or makes one), recovers it, writes the recovered state anew. */
  open(): Promise<DecisionLog>
  /** Locks and recovers a log whose process died with work left; undefined when there is none. */
  adopt(): Promise<DecisionLog | undefined>
  /** The identities of all logs here, whoever holds them; one that can't be read is left out. */
  identities(): Promise<readonly LogIdentity[]>
}

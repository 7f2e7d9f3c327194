/**
 * Every record that a log stores: those of the contract, which the coordinator appends, and those
 * that a log writes for itself when it rewrites its state.
 *
 * Keeps A8 (the highest epoch is stored, so none is used twice) and A9 (what absence means for an
 * id is stored with the outcomes: the low-water mark and where one-phase commits began).
 */
import type { TransactionKey } from '../core/ids.ts'
import type { LogRecord, RecordOf, RetainedOutcome } from './contract.ts'

/** The outcomes that are kept for transactions that are over. */
export type KeptOutcome = Extract<RetainedOutcome, 'committed' | 'aborted' | 'mixed' | 'hazard'>

/** The log was opened under a new epoch. */
export interface EpochRecord {
  readonly type: 'epoch'
  readonly epoch: number
  readonly wallMs: number
}

/** Of ids below this one, outcomes may have been dropped: absence says nothing (A9). */
export interface LowWaterRecord {
  readonly type: 'low-water'
  readonly transaction: TransactionKey
}

/**
 * The transactions of one epoch with this outcome, of a range of 65,536 counters that begins at
 * `page` times 65,536: either their offsets in the range, sorted, or a bit for each offset.
 */
export interface OutcomesRecord {
  readonly type: 'outcomes'
  readonly outcome: KeptOutcome
  readonly epoch: number
  readonly page: number
  /** When the youngest of them was decided. */
  readonly newestMs: number
  readonly offsets: Uint16Array | undefined
  readonly bits: Uint8Array | undefined
}

/** The log was given up in order. With `clean`, nothing of ours is left at any resource. */
export interface ClosedRecord {
  readonly type: 'closed'
  readonly clean: boolean
  readonly wallMs: number
}

/** What an operator did, with who, why and when. */
export type OperatorAct = RecordOf<'resolved' | 'forgotten' | 'stranger-resolved'>

/** An act that is kept for the audit alone: it has had its effect. */
export interface AuditRecord {
  readonly type: 'audit'
  readonly act: OperatorAct
}

export type StoredRecord =
  | LogRecord
  | EpochRecord
  | LowWaterRecord
  | OutcomesRecord
  | AuditRecord
  | ClosedRecord

/** Limits of what one record may hold; longer texts for people are cut, other texts are refused. */
export const recordLimits = {
  recordBytes: 65_536,
  protocolBytes: 64,
  evidenceBytes: 255,
  /** Heuristic details. */
  detailCharacters: 1000,
  /** An operator's name and reason, each. */
  signatureCharacters: 1000,
  /** The id of a stranger's branch; PostgreSQL allows 199 bytes. */
  strangerIdBytes: 255,
  resourceNameBytes: 255,
  resourceKindBytes: 64,
  fingerprintBytes: 1024,
  resourceNumber: 1_000_000,
  outcomesPerPage: 65_536,
} as const

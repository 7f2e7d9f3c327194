/**
 * The port for decisions that are kept in a database which is itself a participant: what the log over
 * it (`log/participant`) asks of the database, and what a branch takes along into its local commit.
 *
 * Keeps A2: a decision is a row under its transaction's key, inserted plainly and once; never
 * "insert, or do nothing", which would commit a branch's work over a durable `aborted`. Whoever must
 * abort inserts `aborted` under the same key, and obeys what it finds there instead (A6, A9).
 *
 * Keeps A8: a log is held by a session's lock, which the database releases only when that session is
 * over; its epoch is raised under the lock. What only the owner may write goes through that session.
 */
import type { Decision } from './decision.ts'
import type { InstallationName, LogIdentity, TransactionKey } from './ids.ts'

/**
 * A decision as its row keeps it. Whoever inserts one in a branch's local commit does so only while the
 * log is at the epoch of the transaction, and else fails as a whole: a process that lost its log may
 * send a commit late, when nobody keeps the row any more that would have stood in its way.
 */
export interface DecisionRow {
  readonly log: LogIdentity
  readonly transaction: TransactionKey
  readonly decision: Decision
  /** The record `decided`, encoded; empty for an abort that was presumed. */
  readonly record: Uint8Array
}

/** A record that is no decision, under a name of its own within the log. */
export interface NamedRecord {
  readonly name: string
  readonly record: Uint8Array
}

/** A log as the table knows it, whoever holds it. */
export interface TableLog {
  /** 0 to 999; one process holds a slot at a time. */
  readonly slot: number
  readonly identity: LogIdentity
  /** Of whoever held it last; 0 for a log that nobody held. */
  readonly epoch: number
  /** Whether it was given up with nothing left anywhere. */
  readonly isClean: boolean
}

/**
 * The tables in one database. Every method may reject: with an `AssentError` for what somebody has
 * to mend (missing tables, missing rights), with the database's error where it can't be asked now.
 */
export interface DecisionTable {
  /** For people: the database, without secrets. */
  readonly location: string
  /** Verifies that the tables are there as they must be, and may be used; makes them where asked to. */
  prepare(): Promise<void>
  /** The logs of an installation, by slot. */
  logs(installation: InstallationName): Promise<readonly TableLog[]>
  /**
   * Locks a slot for as long as the session lives; makes its log, of this identity, where there is
   * none. Undefined while another session holds it.
   */
  lock(request: LockRequest): Promise<TableSession | undefined>
  /**
   * Makes absence final: inserts `aborted` unless a decision is there, waiting for whoever is about to
   * insert one. Answers the row that stands. It needs no session, but the log must still be at the
   * holder's epoch, and is kept there until this is written; else it rejects. Without that, one that
   * lost its log could ask after the next holder has settled a commit and removed its row.
   */
  presumeAborted(holder: TableHolder, transaction: TransactionKey): Promise<DecisionRow>
}

/** Who opened a log, and when. */
export interface TableHolder {
  readonly log: LogIdentity
  readonly epoch: number
}

export interface LockRequest {
  readonly installation: InstallationName
  readonly slot: number
  /** Used where the slot has no log yet. */
  readonly identity: LogIdentity
}

/** What a log holds. */
export interface TableContents {
  readonly decisions: readonly DecisionRow[]
  readonly records: readonly NamedRecord[]
}

/** Done in one transaction, durable when `write` resolves; all of it, or nothing. */
export interface TableChange {
  /** Set once, right after the lock: ids of this opening carry it. */
  readonly epoch?: number
  readonly isClean?: boolean
  /** Plain inserts. */
  readonly decisions?: readonly DecisionRow[]
  /** Written over what has the same name. */
  readonly records?: readonly NamedRecord[]
  /** Names of records to be removed. */
  readonly removed?: readonly string[]
  /** Decisions whose rows are no longer needed: every branch has acknowledged. */
  readonly settled?: readonly TransactionKey[]
}

/** A slot that is locked. A rejection of anything but `lock` leaves it unknown what was done (A6). */
export interface TableSession {
  readonly log: TableLog
  /** Called once when the session, and with it the lock, is lost. */
  onLost: ((cause: unknown) => void) | undefined
  read(): Promise<TableContents>
  write(change: TableChange): Promise<void>
  /**
   * Removes rows that `presumeAborted` wrote, where it is proved that no transaction is open still
   * that was open when they were written: none of those can insert a decision any more. Only asked
   * of epochs before this one: whoever begins later is stopped by its epoch. Answers the keys whose
   * rows are gone.
   */
  removePresumed(transactions: readonly TransactionKey[]): Promise<readonly TransactionKey[]>
  /** Ends the session, and with it the lock. Never rejects. */
  release(): Promise<void>
}

/** One of the two banks: its database, as each contestant needs it and as it is audited. */
import type { Participant } from '../../src/participants/contract.ts'

/** What a contestant works with: a client inside a transaction. */
export interface Teller {
  query(text: string, values: unknown[]): Promise<unknown>
}

/** A pooled connection for those who run their transactions by hand. */
export interface ByHand extends Teller {
  /** The same of a statement that the server parses once a connection, and keeps. */
  queryKept(text: string, values: unknown[]): Promise<unknown>
  /** A transaction of this database alone. */
  begin(): Promise<unknown>
  commit(): Promise<unknown>
  /** A branch; the id is fit for quotes. */
  beginBranch(id: string): Promise<unknown>
  prepare(id: string): Promise<unknown>
  commitPrepared(id: string): Promise<unknown>
  /** Ends a branch that went wrong, whatever became of it. */
  undo(id: string): Promise<void>
  /** Gives it back, or, where its state is unclear, closes it. */
  release(isUnclear?: boolean): void
}

export interface Side {
  readonly url: string
  /** The statements of a transfer, with one place, for the account. */
  readonly payText: string
  readonly getText: string
  /** A new participant over the pool, for Assent. */
  participant(): Participant<Teller>
  connect(): Promise<ByHand>
  /** A new table of accounts, each with so much money. */
  found(accounts: number, openingBalance: number): Promise<void>
  /** The money in all accounts. */
  balance(): Promise<number>
  /** Branches that are prepared. */
  countPrepared(): Promise<number>
  /** The setting by which an acknowledged write could be lost, or undefined. */
  laxSetting(): Promise<string | undefined>
  /** How often the server synced its files so far, its log's foremost; undefined: not counted. */
  countSyncs(): Promise<number | undefined>
  close(): Promise<void>
}

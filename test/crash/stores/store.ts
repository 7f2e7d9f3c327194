/**
 * A store: the database of one side of the bank, as its test sees it from outside. There is one
 * implementation for each kind of server; the scenarios know none of them.
 */

export const storeKinds = ['postgres', 'mariadb'] as const
export type StoreKind = (typeof storeKinds)[number]

/** What a test does to the server of a store. */
export interface StoreServer {
  /** Where its data and its log are. */
  readonly directory: string
  /** As a power cut would; the data stays. */
  kill(): Promise<void>
  start(): Promise<void>
  /** `kill` if it runs, then `start`. */
  restart(): Promise<void>
  /** Freezes it: connections stay open, and nobody answers. */
  suspend(): Promise<void>
  resume(): Promise<void>
}

/** How a worker reaches a store. */
export interface StoreAddress {
  readonly kind: StoreKind
  readonly url: string
}

export interface Store extends StoreAddress {
  readonly server: StoreServer
  /** Makes the tables, and opens accounts with the ids from 0 on. */
  open(accounts: number, openingBalance: number): Promise<void>
  /** The accounts as they were opened, and an empty journal. */
  beginAnew(openingBalance: number): Promise<void>
  /** The sums of the balances and of the journal. */
  totals(): Promise<{ readonly held: number; readonly booked: number }>
  /** The ids of all transactions in the journal. */
  journal(): Promise<string[]>
  isInJournal(id: string): Promise<boolean>
  /** The ids of the branches that are prepared anywhere on the server. */
  prepared(): Promise<string[]>
  /** Prepares a branch, in which nothing was written, by a session that ends. */
  prepareStranger(id: string): Promise<void>
  rollBack(id: string): Promise<void>
  /** What the sessions do that the server has for these workers, alive or dead. */
  sessionsOf(workers: readonly string[]): Promise<string[]>
  /** How many of a worker's sessions have a transaction open; one that is prepared may count. */
  openTransactionsOf(worker: string): Promise<number>
  /** How many of a worker's sessions wait for a lock. */
  waitingOf(worker: string): Promise<number>
  /** Locks all accounts, so that whoever wants one waits; answers how to let go of them. */
  holdAccounts(): Promise<() => Promise<void>>
  /** Ends a worker's sessions, as an administrator would; answers how many there were. */
  endSessionsOf(worker: string): Promise<number>
  /** The slots of decisions that are kept here, in this schema. */
  decisionSlots(schema: string): Promise<number[]>
  /** How many sessions have such slots locked. */
  slotSessions(): Promise<number>
  /** Ends them; answers how many there were. */
  endSlotSessions(): Promise<number>
}

/** How many workers of one suite the servers can tell apart. */
export const workersMax = 200

/** The name under which the servers list the sessions of the n-th worker, counted from 1. */
export function workerName(nth: number): string {
  return `crash-worker-${1 + ((nth - 1) % workersMax)}`
}

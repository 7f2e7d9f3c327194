/** Who takes part in the benchmark: each moves one unit from the left bank to the right one. */
import type { Bank } from './bank.ts'

export interface Contestant {
  readonly name: string
  /** Resolves when the transfer is committed on both sides; rejects when it is on neither. */
  transfer(account: number): Promise<void>
  /** Forced writes of its own log so far; the databases' own are counted there. */
  forcedWrites(): number
  close(): Promise<void>
}

export interface Surroundings {
  readonly bank: Bank
  /** A directory of its own, for a log. */
  readonly directory: string
}

export type OpenContestant = (surroundings: Surroundings) => Promise<Contestant>

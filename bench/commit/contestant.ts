/** Who takes part in the benchmark: each moves one unit from the left bank to the right one. */
import { closedLoad } from '../load.ts'
import type { Entrant } from '../tournament.ts'
import { AccountPlan, type Bank } from './bank.ts'

export interface Contestant extends Entrant {
  /** Of one that runs in this process: commits on both sides, or rejects and does so on neither. */
  readonly transfer?: Transfer
  close(): Promise<void>
}

export type Transfer = (account: number) => Promise<void>

export interface Surroundings {
  readonly bank: Bank
  /** A directory of its own, for a log. */
  readonly directory: string
}

export type OpenContestant = (surroundings: Surroundings) => Promise<Contestant>

/** One that runs in this process; without a log, unless it says how often that was forced. */
export function contestant(
  name: string,
  transfer: Transfer,
  log: Partial<Pick<Contestant, 'forcedWrites' | 'close'>> = {},
): Contestant {
  const plans = new Map<number, AccountPlan>()
  return {
    name,
    transfer,
    run: (inFlight, limit) => {
      const plan = plans.get(inFlight) ?? new AccountPlan(inFlight)
      plans.set(inFlight, plan)
      return closedLoad(inFlight, limit, (lane) => transfer(plan.next(lane)))
    },
    forcedWrites: () => 0,
    close: () => Promise.resolve(),
    ...log,
  }
}

/**
 * Contestants over one bank: they take turns in every round, on the same servers and, in this process,
 * on the same pools; after each turn the money is counted, and no branch may be left prepared.
 */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { BenchOptions } from '../command-line.ts'
import { shuffled } from '../figures.ts'
import { type Arrival, openLoad } from '../load.ts'
import type { Report } from '../report.ts'
import {
  bestPerSecond,
  type Comparison,
  describeLevel,
  type Entrant,
  type Level,
  playLevel,
  warmUp,
} from '../tournament.ts'
import { AccountPlan, audit, type Bank } from './bank.ts'
import type { Contestant, OpenContestant } from './contestant.ts'
import { countSyncs, refuseUnlessForced, type Syncs, syncsBetween } from './durability.ts'
import type { LatencyOf } from './result.ts'

export interface Competition {
  readonly directory: string
  readonly options: Pick<BenchOptions, 'inFlight' | 'rounds' | 'seconds' | 'warmUp'>
  readonly open: readonly OpenContestant[]
  readonly comparisons: readonly Comparison[]
  /** Whose latency is measured too; each must run in this process. */
  readonly inOpenLoad?: readonly string[]
}

export interface Played {
  readonly levels: readonly Level[]
  readonly latencies: readonly LatencyOf[]
  /** Of the databases, while it was measured. */
  readonly syncs: Syncs
}

/**
 * What a warm-up takes at most. V8 and Java compile in several steps, of which the last comes late: a
 * contestant with more code than another's page is charged for that until it is done.
 */
const warmUpSecondsMax = 30

/** At least so many connections, so that an open load seldom waits for one. */
export const openLoadLanesMin = 16

/** Runs every contestant over a bank. Throws `MoneyLost` when one breaks its promise. */
export async function compete(
  bank: Bank,
  competition: Competition,
  report: Report,
): Promise<Played> {
  const { directory, options, open, comparisons, inOpenLoad = [] } = competition
  await refuseUnlessForced(bank)
  const all: Contestant[] = []
  try {
    for (const [number, each] of open.entries()) {
      const own = join(directory, `contestant-${number}`)
      await mkdir(own, { recursive: true })
      all.push(await each({ bank, directory: own }))
    }
    const books = new Books(bank)
    const audited = all.map((each) => books.audited(each))
    const most = Math.max(...options.inFlight)
    const { warmUp: count } = options
    await warmUp(audited, { inFlight: most, count, seconds: warmUpSecondsMax }, report)
    const syncsBefore = await countSyncs(bank)
    const levels: Level[] = []
    for (const inFlight of options.inFlight) {
      const level = await playLevel(audited, inFlight, options, report)
      for (const line of describeLevel(level, comparisons)) report.line(line)
      levels.push(level)
    }
    const loaded = all.filter(({ name }) => inOpenLoad.includes(name))
    const latencies = await measureLatencies(loaded, { levels, options, books }, report)
    const syncs = syncsBetween(syncsBefore, await countSyncs(bank))
    return { levels, latencies, syncs }
  } finally {
    await Promise.all(all.map((each) => each.close()))
  }
}

/** How much money has gone over so far, by what the contestants were told. */
class Books {
  readonly #bank: Bank
  #moved = 0

  constructor(bank: Bank) {
    this.#bank = bank
  }

  /** The same contestant, whose every turn is audited. */
  audited(contestant: Contestant): Entrant {
    return {
      name: contestant.name,
      forcedWrites: () => contestant.forcedWrites(),
      run: async (inFlight, limit) => {
        const load = await contestant.run(inFlight, limit)
        await this.enter(load.transactions, contestant.name)
        return load
      },
    }
  }

  async enter(moved: number, who: string): Promise<void> {
    this.#moved += moved
    await audit(this.#bank, this.#moved, who)
  }
}

/** The latency of each at half of what it managed at its best level, in turns. */
async function measureLatencies(
  contestants: readonly Contestant[],
  {
    levels,
    options: { rounds, seconds },
    books,
  }: {
    readonly levels: readonly Level[]
    readonly options: Competition['options']
    readonly books: Books
  },
  report: Report,
): Promise<LatencyOf[]> {
  const lanes = Math.max(openLoadLanesMin, ...levels.map(({ inFlight }) => inFlight))
  const measured = contestants.map(({ name, transfer }) => {
    if (transfer === undefined) throw new Error(`${name} does not run in this process`)
    const perSecond = Math.max(1, bestPerSecond(levels, name) / 2)
    return { name, transfer, perSecond, plan: new AccountPlan(lanes), arrivals: [] as Arrival[] }
  })
  for (let round = 1; round <= rounds; round += 1) {
    for (const { name, transfer, perSecond, plan, arrivals } of shuffled(measured, Math.random)) {
      report.progress(`open load, round ${round} of ${rounds}: ${name}`)
      const arrived = await openLoad({ perSecond, seconds, lanes }, (lane) =>
        transfer(plan.next(lane)),
      )
      await books.enter(arrived.length, name)
      arrivals.push(...arrived)
    }
  }
  return measured.map(({ name, perSecond, arrivals }) => ({ name, perSecond, seconds, arrivals }))
}

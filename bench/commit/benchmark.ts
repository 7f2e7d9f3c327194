/**
 * Money between two PostgreSQL servers, at several numbers of transactions in flight.
 *
 * The contestants take turns in every round, in a new random order, on the same pools; after each
 * turn the money is counted, and no branch may be left prepared.
 */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { BenchOptions } from '../command-line.ts'
import { shuffled } from '../figures.ts'
import { closedLoad, type Limit, openLoad, type Throughput } from '../load.ts'
import type { Figures, Report } from '../report.ts'
import { withDirectory } from '../temporary-directory.ts'
import { openAssent, openAssentExecute } from './assent.ts'
import { AccountPlan, audit, type Bank, closeBank, openBank } from './bank.ts'
import type { Contestant, OpenContestant } from './contestant.ts'
import { countForcedWrites, refuseUnlessForced } from './durability.ts'
import { openHandWritten, openHandWrittenLogged } from './hand-written.ts'
import { describeLatency, describeLevel, type LatencyOf, type Level, summaryOf } from './result.ts'
import { withServers } from './servers.ts'
import { openUnprotected } from './unprotected.ts'

const contestants: readonly OpenContestant[] = [
  openUnprotected,
  openHandWritten,
  openHandWrittenLogged,
  openAssent,
  openAssentExecute,
]

/** So many transactions, and the code of each contestant is compiled as far as it will be. */
const warmUpTransactions = 5_000

/** Their latency is measured under an open load too. */
const inOpenLoad: readonly string[] = ['hand-written', 'assent']
const openLoadLanesMin = 16

export function benchmarkCommit(options: BenchOptions, report: Report): Promise<Figures> {
  const connections = Math.max(openLoadLanesMin, ...options.inFlight)
  return withServers(connections, report, (urls) =>
    withDirectory(options.logDirectory, async (directory) => {
      const bank = await openBank({ urls, connections })
      try {
        return await compete(bank, { directory, options, open: contestants }, report)
      } finally {
        await closeBank(bank)
      }
    }),
  )
}

export interface Competition {
  readonly directory: string
  readonly options: Pick<BenchOptions, 'inFlight' | 'rounds' | 'seconds'>
  readonly open: readonly OpenContestant[]
}

/** Runs every contestant over a bank. Throws `MoneyLost` when one breaks its promise. */
export async function compete(
  bank: Bank,
  { directory, options, open }: Competition,
  report: Report,
): Promise<Figures> {
  await refuseUnlessForced(bank)
  const all: Contestant[] = []
  try {
    for (const [number, each] of open.entries()) {
      const own = join(directory, `contestant-${number}`)
      await mkdir(own)
      all.push(await each({ bank, directory: own }))
    }
    const match = new Match(bank, all, options, report)
    await match.warmUp()
    const syncsBefore = await settledSyncs(bank)
    const levels: Level[] = []
    for (const inFlight of options.inFlight) {
      const level = await match.level(inFlight)
      for (const line of describeLevel(level)) report.line(line)
      levels.push(level)
    }
    const latencies = await match.latencies(levels)
    for (const line of describeLatency(latencies)) report.line(line)
    const syncs = (await settledSyncs(bank)) - syncsBefore
    if (syncs <= 0) throw new Error('the databases counted no sync: is fsync really on?')
    report.line(`both databases synced ${syncs} times meanwhile`)
    return { ...summaryOf(levels, latencies), databaseSyncs: syncs }
  } finally {
    await Promise.all(all.map((each) => each.close()))
  }
}

/** The state of one run: how much money has gone over so far. */
class Match {
  readonly #bank: Bank
  readonly #all: readonly Contestant[]
  readonly #options: Competition['options']
  readonly #report: Report
  #moved = 0

  constructor(
    bank: Bank,
    all: readonly Contestant[],
    options: Competition['options'],
    report: Report,
  ) {
    this.#bank = bank
    this.#all = all
    this.#options = options
    this.#report = report
  }

  /** The same number of transactions for each, or, on a slow machine, the same time. */
  async warmUp(): Promise<void> {
    const lanes = Math.max(...this.#options.inFlight)
    const limit = { count: warmUpTransactions, seconds: 5 * this.#options.seconds }
    for (const each of this.#all) {
      this.#report.progress(`warming up: ${each.name}`)
      await this.#turn(each, new AccountPlan(lanes), lanes, limit)
    }
  }

  async level(inFlight: number): Promise<Level> {
    const { rounds, seconds } = this.#options
    const turns = new Map<string, Throughput[]>(this.#all.map(({ name }) => [name, []]))
    const ownWrites = new Map<string, number>()
    const plan = new AccountPlan(inFlight)
    for (let round = 1; round <= rounds; round += 1) {
      for (const each of shuffled(this.#all, Math.random)) {
        this.#report.progress(`${inFlight} in flight, round ${round} of ${rounds}: ${each.name}`)
        const before = each.forcedWrites()
        turns.get(each.name)?.push(await this.#turn(each, plan, inFlight, { seconds }))
        const own = each.forcedWrites() - before
        ownWrites.set(each.name, (ownWrites.get(each.name) ?? 0) + own)
      }
    }
    return { inFlight, turns, ownWrites }
  }

  /** The latency of some at half of what they managed at the widest level. */
  async latencies(levels: readonly Level[]): Promise<LatencyOf[]> {
    const widest = levels.reduce((one, other) => (other.inFlight > one.inFlight ? other : one))
    const lanes = Math.max(openLoadLanesMin, widest.inFlight)
    const found: LatencyOf[] = []
    for (const each of this.#all) {
      if (!inOpenLoad.includes(each.name)) continue
      this.#report.progress(`open load: ${each.name}`)
      const speeds = (widest.turns.get(each.name) ?? []).map(({ perSecond }) => perSecond)
      const perSecond = Math.max(1, Math.max(...speeds) / 2)
      const plan = new AccountPlan(lanes)
      const seconds = this.#options.seconds * this.#options.rounds
      const latenciesMs = await openLoad({ perSecond, seconds, lanes }, (lane) =>
        each.transfer(plan.next(lane)),
      )
      this.#moved += latenciesMs.length
      await audit(this.#bank, this.#moved, each.name)
      found.push({ name: each.name, perSecond, latenciesMs })
    }
    return found
  }

  async #turn(
    contestant: Contestant,
    plan: AccountPlan,
    inFlight: number,
    limit: Limit,
  ): Promise<Throughput> {
    const load = await closedLoad(inFlight, limit, (lane) => contestant.transfer(plan.next(lane)))
    this.#moved += load.transactions
    await audit(this.#bank, this.#moved, contestant.name)
    return load
  }
}

/** Backends report theirs within a second after they fell idle. */
async function settledSyncs(bank: Bank): Promise<number> {
  await pause(1_100)
  return await countForcedWrites(bank)
}

/** What a run stands on: a directory, two databases with the bank in them, and their removal. */
import { rmSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'

import { messageOf } from '../../core/errors.ts'
import { moneyIn } from './audit.ts'
import type { Database } from './database.ts'
import type { DatabaseUrl } from './database-url.ts'
import { closeDatabases, openDatabases } from './databases.ts'
import { type DecisionPlace, type KeptDecisions, shownPlaceOf } from './kept-decisions.ts'
import type { Side } from './plan.ts'

export interface StageOptions {
  /** An empty directory of the run; it goes with the stage. */
  readonly directory: string
  /** Databases of the user's; what is missing of two are servers of the demo's own. */
  readonly urls: readonly DatabaseUrl[]
  readonly concurrency: number
  /** Letters and digits that no other run has. */
  readonly run: string
  /** Whether it stays when the run is over. */
  readonly keep: boolean
  readonly decisions: DecisionPlace
}

export interface Stage {
  readonly databases: readonly Database[]
  /** What the bank is called in both. */
  readonly bank: string
  readonly decisions: KeptDecisions
  /** Money in each database before anything moves. */
  readonly before: Readonly<Record<Side, number>>
  /** Takes it down, or leaves it for `keep`; answers what was left behind, a line each. */
  strike(): Promise<readonly string[]>
  /** The same without waiting: what is in databases of the user's is left, and named. */
  strikeNow(): readonly string[]
}

export async function setStage(options: StageOptions): Promise<Stage> {
  const { directory } = options
  const bank = `assent_demo_${options.run}`
  let databases: readonly Database[] = []
  try {
    databases = await openDatabases(options)
    await openBanks(databases, bank)
    const [left = 0, right = 0] = await Promise.all(
      databases.map((database) => moneyIn(database, bank)),
    )
    const decisions: KeptDecisions =
      options.decisions === 'log'
        ? { place: 'log', directory: join(directory, 'transactions') }
        : { place: 'participant', schema: bank }
    return {
      databases,
      bank,
      decisions,
      before: { left, right },
      strike: () =>
        options.keep
          ? keep({ directory, databases, bank, decisions })
          : strike(directory, databases, bank),
      strikeNow: () =>
        options.keep
          ? keptLines({ directory, databases, bank, decisions })
          : strikeNow(directory, databases, bank),
    }
  } catch (failure) {
    await takeDown(directory, databases)
    throw failure
  }
}

type KeptStage = Pick<Stage, 'databases' | 'bank' | 'decisions'> & { readonly directory: string }

/** In both, or in none. */
async function openBanks(databases: readonly Database[], bank: string): Promise<void> {
  const opened: Database[] = []
  try {
    for (const database of databases) {
      await database.openBank(bank)
      opened.push(database)
    }
  } catch (failure) {
    for (const database of opened) await database.dropBank(bank)
    throw failure
  }
}

async function keep(kept: KeptStage): Promise<readonly string[]> {
  await Promise.all(kept.databases.map((database) => database.end()))
  return keptLines(kept)
}

async function strike(
  directory: string,
  databases: readonly Database[],
  bank: string,
): Promise<readonly string[]> {
  const left: string[] = []
  for (const database of databases) {
    if (database.server !== undefined) continue
    await database.dropBank(bank).catch((failure: unknown) => {
      left.push(`${leftLine(database, bank)}: ${messageOf(failure)}`)
    })
  }
  await takeDown(directory, databases)
  return left
}

async function takeDown(directory: string, databases: readonly Database[]): Promise<void> {
  await closeDatabases(databases)
  await rm(directory, { recursive: true, force: true })
}

function strikeNow(directory: string, databases: readonly Database[], bank: string): string[] {
  for (const { server } of databases) {
    if (server?.pid !== undefined) process.kill(server.pid, 'SIGKILL')
  }
  removeNow(directory)
  return databases.flatMap((each) => (each.server === undefined ? leftLine(each, bank) : []))
}

/** Without waiting; what is just being written there is tried again. */
export function removeNow(directory: string): void {
  rmSync(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 })
}

function leftLine(database: Database, bank: string): string {
  return `left: ${database.side}, ${database.shownUrl}, ${database.placeOf(bank)}`
}

function keptLines({ directory, databases, bank, decisions }: KeptStage): string[] {
  const pids = databases.flatMap(({ server }) => server?.pid ?? [])
  const isAllOwn = databases.every(({ server }) => server !== undefined)
  const own = isAllOwn ? 'it all' : 'what is not in your databases'
  const stop = pids.length > 0 ? `kill -INT ${pids.join(' ')}; sleep 2; ` : ''
  return [
    ...databases.map((each) => `kept: ${each.side}, ${each.shownUrl}, ${each.placeOf(bank)}`),
    `kept: the decision log, ${shownPlaceOf(decisions)}`,
    `to remove ${own}: ${stop}rm -rf ${directory}`,
  ]
}

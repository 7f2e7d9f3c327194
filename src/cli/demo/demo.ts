/** One run of the demo, from the first account to the last check. */
import { setTimeout as pause } from 'node:timers/promises'
import { messageOf } from '../../core/errors.ts'
import { makeTemporaryDirectory } from '../postgres-server/directories.ts'
import { audit } from './audit.ts'
import type { Forms } from './bank.ts'
import type { Database } from './database.ts'
import type { DatabaseUrl } from './database-url.ts'
import { preparedOf } from './databases.ts'
import { Havoc } from './havoc.ts'
import type { Interruption } from './interruption.ts'
import { type DecisionPlace, shownPlaceOf } from './kept-decisions.ts'
import type { Display, Progress } from './progress.ts'
import type { Run } from './result.ts'
import { removeNow, type Stage, setStage } from './stage.ts'

export interface DemoOptions {
  readonly seconds: number
  readonly concurrency: number
  /** Seconds, on average, between two kills; 0 for none. */
  readonly killEvery: number
  readonly urls: readonly DatabaseUrl[]
  readonly decisions: DecisionPlace
  readonly forms: Forms
  readonly seed: number
  /** Letters and digits that no other run has. */
  readonly run: string
  readonly keep: boolean
}

const countEveryMs = 2_000
const tickMs = 100
/** Until the last prepared branch must be gone: sweeps, an interval, and a slow machine. */
const settleLimitMs = 60_000
const settlePollMs = 100

export async function perform(
  options: DemoOptions,
  display: Display,
  interruption: Interruption,
): Promise<{ readonly run: Run; readonly leftBehind: readonly string[] }> {
  display.note('opening accounts in two databases')
  const directory = await makeTemporaryDirectory('assent-demo-')
  interruption.onSecond = () => {
    removeNow(directory)
    return []
  }
  const stage = await setStage({ ...options, directory })
  let run: Run
  try {
    run = await play(options, stage, display, interruption)
  } catch (failure) {
    await stage.strike()
    throw failure
  }
  return { run, leftBehind: await stage.strike() }
}

async function play(
  options: DemoOptions,
  stage: Stage,
  display: Display,
  interruption: Interruption,
): Promise<Run> {
  const { databases, bank, decisions, before } = stage
  const problems: string[] = []
  const progress = firstProgress(options)
  const havoc = new Havoc({
    databases,
    orders: ordersOf(options, stage),
    seed: options.seed,
    killEveryMs: options.killEvery * 1000,
    progress,
    display,
    onProblem: (text) => {
      problems.push(text)
      display.note(text)
    },
  })
  interruption.onSecond = () => {
    havoc.killNow()
    return stage.strikeNow()
  }
  const watch = watchProgress(stage, progress, display, installationOf(options))
  try {
    await havoc.begin()
    watch.begin()
    const time = AbortSignal.timeout(progress.totalMs)
    await havoc.run(AbortSignal.any([time, interruption.signal]))
    progress.phase = 'settling'
    await settle(havoc, databases, installationOf(options)).catch((failure: unknown) => {
      problems.push(messageOf(failure))
    })
    progress.phase = 'checking'
  } finally {
    await havoc.worker?.kill()
    await watch.end()
  }
  const { evidence, recovered } = await audit({
    databases,
    bank,
    installation: installationOf(options),
    decisions,
    before,
    inDoubt: havoc.inDoubt,
    problems,
  })
  const shown = databases.map(({ shownUrl }) => shownUrl)
  const { kills, restarts } = progress
  const log = shownPlaceOf(decisions)
  return { evidence, recovered, kills, restarts, databases: shown, log }
}

/** Part of every id that the run gives out: what is prepared under it is the run's (A7). */
function installationOf({ run }: DemoOptions): string {
  return `demo-${run}`
}

function ordersOf(
  options: DemoOptions,
  { databases, bank, decisions }: Stage,
): ConstructorParameters<typeof Havoc>[0]['orders'] {
  const [left, right] = databases.map(({ kind, url }): DatabaseUrl => ({ kind, url }))
  if (left === undefined || right === undefined) throw new TypeError('a run has two databases')
  return {
    name: installationOf(options),
    decisions,
    databases: { left, right },
    bank,
    applicationName: `assent-demo-${options.run}`,
    concurrency: options.concurrency,
    forms: options.forms,
    seed: options.seed,
  }
}

/** Ends the work in order: transfers first, then what is prepared, then the coordinator. */
async function settle(
  havoc: Havoc,
  databases: readonly Database[],
  installation: string,
): Promise<void> {
  await havoc.worker?.finish()
  const end = performance.now() + settleLimitMs
  while ((await countPrepared(databases, installation)) > 0 && performance.now() < end) {
    await pause(settlePollMs)
  }
  const report = await havoc.worker?.close()
  if (report === undefined || report.undelivered + report.held === 0) return
  const { undelivered, held } = report
  throw new Error(`the coordinator left ${undelivered} undelivered and ${held} held transactions`)
}

async function countPrepared(
  databases: readonly Database[],
  installation: string,
): Promise<number> {
  const found = await Promise.all(databases.map((each) => preparedOf(each, installation)))
  return found.flat().length
}

function firstProgress({ seconds }: DemoOptions): Progress {
  return {
    phase: 'starting',
    elapsedMs: 0,
    totalMs: seconds * 1000,
    committed: 0,
    attempted: 0,
    prepared: 0,
    kills: 0,
    restarts: 0,
    workerPid: undefined,
    up: { left: true, right: true },
  }
}

interface Watch {
  begin(): void
  end(): Promise<void>
}

/** Keeps the display going: the time at every tick, the counts from the databases now and then. */
function watchProgress(
  { databases, bank }: Stage,
  progress: Progress,
  display: Display,
  installation: string,
): Watch {
  let beganAt: number | undefined
  const over = new AbortController()
  const tick = setInterval(() => {
    if (beganAt !== undefined) progress.elapsedMs = performance.now() - beganAt
    display.update(progress)
  }, tickMs)
  const counting = (async () => {
    while (!over.signal.aborted) {
      await pause(countEveryMs, undefined, { signal: over.signal }).catch(() => undefined)
      // A database may be down: then the numbers stay as they were.
      await countInto(progress, databases, bank, installation).catch(() => undefined)
    }
  })()
  return {
    begin: () => {
      beganAt = performance.now()
      progress.phase = 'running'
    },
    end: async () => {
      over.abort()
      await counting
      clearInterval(tick)
      display.update(progress)
    },
  }
}

async function countInto(
  progress: Progress,
  databases: readonly Database[],
  bank: string,
  installation: string,
): Promise<void> {
  const counts = await Promise.all(
    databases.map(async (database) => {
      const { journal, attempt } = database.tables(bank)
      const { rows } = await database.query(
        // A transfer in two databases counts half in each.
        `select (select coalesce(sum(1.0 / spans), 0) from ${journal}) as whole,
                (select count(*) from ${attempt}) as attempted`,
      )
      return rows[0]
    }),
  )
  progress.prepared = await countPrepared(databases, installation)
  progress.committed = Math.round(counts.reduce((sum, row) => sum + Number(row?.whole ?? 0), 0))
  progress.attempted = counts.reduce((sum, row) => sum + Number(row?.attempted ?? 0), 0)
}

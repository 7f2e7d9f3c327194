/**
 * A suite with two real servers, a bank over both, and worker processes to kill. What a test leaves
 * (processes, directories) is removed after it, whether it passed or not.
 */
import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach } from 'node:test'
import { suiteOnServers } from '../harness/servers.ts'
import { until } from '../harness/until.ts'
import { auditBooks, type Books, type Tally } from './audit.ts'
import { Bank } from './bank.ts'
import { chosenPairs, kindsOf, type Pair } from './stores/pairs.ts'
import { type StoreServers, serversOf } from './stores/servers.ts'
import { type StoreKind, type StoreServer, workerName } from './stores/store.ts'
import type { Entry } from './worker/diary.ts'
import type { Pending, Side, TransferKind, WorkerSettings } from './worker/settings.ts'
import { WorkerProcess } from './worker-process.ts'

const slotsMax = 12

/** What differs between the workers of a test. */
export type WorkerOptions = Omit<
  WorkerSettings,
  'log' | 'decisions' | 'diary' | 'stores' | 'session'
>

/** For those that take over what dead ones leave: they wait so long for their messages. */
export const adopting: WorkerOptions = { timeoutMs: 2_000 }

/** Where the workers of a suite keep their decisions. */
export type DecisionPlace = 'log directory' | 'left database'

export class CrashSuite {
  readonly pair: Pair
  readonly decisionsIn: DecisionPlace
  readonly #servers: StoreServers
  #bank: Promise<Bank> | undefined
  readonly #workers: WorkerProcess[] = []
  readonly #directories: string[] = []
  #spawned = 0
  #places = 0

  constructor(pair: Pair, servers: StoreServers, decisionsIn: DecisionPlace) {
    this.pair = pair
    this.decisionsIn = decisionsIn
    this.#servers = servers
    afterEach(() => this.#clear())
  }

  kindOf(side: Side): StoreKind {
    return kindsOf(this.pair)[side]
  }

  /** The bank over both servers; they are started on first use. */
  bank(): Promise<Bank> {
    this.#bank ??= this.#servers.start().then((stores) => Bank.open(stores))
    return this.#bank
  }

  async server(side: Side): Promise<StoreServer> {
    return (await this.bank()).server(side)
  }

  /** A place for one log, on `disk` if given, and the diaries of the workers on it. */
  async place(disk?: string): Promise<Place> {
    const directory = await mkdtemp(join(tmpdir(), 'assent-crash-'))
    this.#directories.push(directory)
    this.#places += 1
    const log = join(disk ?? directory, 'transactions')
    const decisions = this.decisionsIn === 'left database' ? `place_${this.#places}` : undefined
    const spawn = (settings: SpawnSettings): WorkerProcess => this.#spawn(settings)
    return new Place({ bank: await this.bank(), log, decisions, directory, spawn })
  }

  #spawn(settings: SpawnSettings): WorkerProcess {
    this.#spawned += 1
    const worker = new WorkerProcess({ ...settings, session: workerName(this.#spawned) })
    this.#workers.push(worker)
    return worker
  }

  async #clear(): Promise<void> {
    await Promise.all(this.#workers.splice(0).map((worker) => worker.remove()))
    await this.#bank?.then((bank) => bank.clear())
    const directories = this.#directories.splice(0)
    await Promise.all(directories.map((each) => rm(each, { recursive: true, force: true })))
  }
}

type SpawnSettings = Omit<WorkerSettings, 'session'>

interface PlaceParts {
  readonly bank: Bank
  /** The log directory. */
  readonly log: string
  /** Or the schema of the left database that the decisions are in. */
  readonly decisions: string | undefined
  /** Of the diaries. */
  readonly directory: string
  readonly spawn: (settings: SpawnSettings) => WorkerProcess
}

/** One log with its workers. */
export class Place {
  readonly bank: Bank
  readonly log: string
  readonly #parts: PlaceParts
  readonly #spawned: WorkerProcess[] = []

  constructor(parts: PlaceParts) {
    this.bank = parts.bank
    this.log = parts.log
    this.#parts = parts
  }

  spawn(options: WorkerOptions = {}): WorkerProcess {
    const { bank, log, decisions, directory, spawn } = this.#parts
    const diary = join(directory, `diary-${this.#spawned.length + 1}`)
    const worker = spawn({ ...options, log, decisions, diary, stores: bank.addresses })
    this.#spawned.push(worker)
    return worker
  }

  /**
   * Spawns workers beside those that are there until each slot of the log has one. A new one takes
   * the first slot that seems free to it, which is not always the one that a dead worker left.
   */
  async spawnForEverySlot(workers: readonly WorkerProcess[]): Promise<WorkerProcess[]> {
    const all = [...workers]
    for (;;) {
      let pending: readonly Pending[] = []
      await until('what was taken over is given up', async () => {
        pending = await Promise.all(all.map((worker) => worker.ask({ ask: 'pending' })))
        return pending.every(({ adopted }) => adopted.length === 0)
      })
      const held = new Set(pending.flatMap(({ log }) => slotOf(log) ?? []))
      const slots = await this.#slots()
      if (slots.every((slot) => held.has(slot))) return all
      const left = `${[...held]} of ${slots}; left: ${JSON.stringify(pending)}`
      assert.ok(all.length < slotsMax, `${slotsMax} workers have ${left}`)
      all.push(await this.spawn(adopting).untilReady())
    }
  }

  async #slots(): Promise<number[]> {
    const { decisions } = this.#parts
    if (decisions !== undefined) return await this.bank.decisionSlots(decisions)
    return (await readdir(this.log)).flatMap((name) => slotOf(name) ?? [])
  }

  /** Everything that any worker has noted here. */
  entries(): Entry[] {
    return this.#spawned.flatMap((worker) => worker.diary)
  }

  /** Waits until `worker` has finished what dead ones left, in its books and in the databases. */
  async untilRecovered(worker: WorkerProcess): Promise<void> {
    let left: unknown
    try {
      await until('nothing is left prepared, listed or running', async () => {
        assert.equal(worker.ending, undefined, `it died while it recovered: ${worker.said}`)
        left = await this.#left(worker)
        return left === undefined
      })
    } catch (cause) {
      const said = cause instanceof Error ? cause.message : String(cause)
      throw new Error(`${said}; left: ${JSON.stringify(left, null, 1)}`, { cause })
    }
  }

  /** What is still left of anything; undefined when nothing is. */
  async #left(worker: WorkerProcess): Promise<unknown> {
    const dead = this.#spawned.flatMap((each) => (each.ending === undefined ? [] : [each.session]))
    // In this order: what the dead had sent can be prepared until their sessions are gone.
    const sessions = dead.length > 0 ? await this.bank.sessionsOf(dead) : []
    if (sessions.length > 0) return { sessions }
    const prepared = await this.bank.prepared()
    const pending = await worker.ask({ ask: 'pending' })
    const isIdle = pending.transactions.length === 0 && pending.orphans.length === 0
    return prepared.length === 0 && isIdle ? undefined : { prepared, pending }
  }

  /** Asks `workers`, which own the logs, how everything ended, and checks it against the data. */
  async audit(
    workers: WorkerProcess | readonly WorkerProcess[],
    mayBeUnknown: readonly TransferKind[] = [],
  ): Promise<Tally> {
    const entries = this.entries()
    const ids = entries.flatMap((entry) => (entry.type === 'began' ? [entry.id] : []))
    const asked = await Promise.all(
      [workers].flat().map((worker) => worker.ask({ ask: 'outcomes', ids })),
    )
    const outcomes = new Map<string, string>()
    ids.forEach((id, index) => {
      // Only the owner of its log knows a transaction; to the others it is unknown.
      const answers = new Set(asked.map((each) => each[index]!))
      if (answers.size > 1) answers.delete('unknown')
      assert.equal(answers.size, 1, `one answer about ${id}, not ${[...answers].join(' and ')}`)
      outcomes.set(id, [...answers][0]!)
    })
    const books: Books = { bank: this.bank, entries, outcomes, mayBeUnknown }
    return await auditBooks(books)
  }
}

/** Of `.../slot-7` and of `..., slot 7`. */
function slotOf(log: string): number | undefined {
  const found = /slot[- ](\d+)$/.exec(log)?.[1]
  return found === undefined ? undefined : Number(found)
}

/** A suite over each of the chosen pairs of servers. Await it at the top of the test file. */
export async function crashSuite(
  name: string,
  define: (suite: CrashSuite) => void,
  pairs: readonly Pair[] = chosenPairs(),
  decisionsIn: DecisionPlace = 'log directory',
): Promise<void> {
  for (const pair of pairs) {
    const kind = await serversOf(pair)
    suiteOnServers(`${name} (${pair})`, kind, (servers) =>
      define(new CrashSuite(pair, servers, decisionsIn)),
    )
  }
}

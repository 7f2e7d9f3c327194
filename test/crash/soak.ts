/** Workers and databases that are killed at random, from a seed, while money moves. */
import assert from 'node:assert/strict'
import { test } from 'node:test'

import { SeededRandom } from '../../src/simulation/random.ts'
import { until } from '../harness/until.ts'
import { adopting, type CrashSuite, type DecisionPlace, type Place } from './crash-suite.ts'
import { type Form, type Side, sides, type TransferKind } from './worker/settings.ts'
import type { WorkerProcess } from './worker-process.ts'

const seed = Number(process.env.ASSENT_SOAK_SEED ?? Date.now() % 1_000_000)

const recorded: readonly TransferKind[] = ['transfer', 'nested', 'transfer', 'refused']
/** With these, a log may forget how a transaction ended that left no forced record. */
const mixed: readonly TransferKind[] = [...recorded, 'one-phase', 'reading-along', 'reading']

const forms: readonly Form[] = ['callback', 'execute']

const faults = ['worker', 'worker', 'database', 'databases', 'both', 'stop', 'cut'] as const

const files: Readonly<Record<DecisionPlace, string>> = {
  'log directory': 'soak.test.ts',
  'left database': 'decisions.test.ts',
}

/** A long run is one of many rounds: the test runner wants to hear something now and then. */
const roundSecondsMax = 60

/** A test for each round of a soak that lasts so long. */
export function testSoak(suite: CrashSuite, seconds: number): void {
  const rounds = Math.ceil(seconds / roundSecondsMax)
  const roundSeconds = seconds / rounds
  for (let round = 1; round <= rounds; round += 1) {
    const roundSeed = seed + round - 1
    test(`nothing is lost or half done, round ${round} of ${rounds}`, async (t) => {
      const settings = `ASSENT_SOAK_SEED=${roundSeed} ASSENT_SOAK_SECONDS=${roundSeconds}`
      const replay = `ASSENT_CRASH_PAIRS=${suite.pair} ${settings}`
      t.diagnostic(`replay: ${replay} npm test -- test/crash/${files[suite.decisionsIn]}`)
      const soak = new Soak(suite, await suite.place(), new SeededRandom(roundSeed))
      try {
        await soak.run(roundSeconds)
        t.diagnostic(await soak.end())
      } catch (cause) {
        const said = cause instanceof Error ? cause.message : String(cause)
        throw new Error(`${said}; ${replay}, after: ${soak.done.join(', ')}`, { cause })
      }
    })
  }
}

class Soak {
  /** The faults so far. */
  readonly done: string[] = []
  readonly #suite: CrashSuite
  readonly #place: Place
  readonly #random: SeededRandom
  readonly #kinds: readonly TransferKind[]
  #workers: WorkerProcess[] = []

  constructor(suite: CrashSuite, place: Place, random: SeededRandom) {
    this.#suite = suite
    this.#place = place
    this.#random = random
    this.#kinds = random.chance(0.5) ? recorded : mixed
  }

  async run(forSeconds: number): Promise<void> {
    this.#workers = await Promise.all([this.#start(), this.#start()])
    const endMs = performance.now() + forSeconds * 1000
    while (performance.now() < endMs) {
      await this.#progress()
      const fault = this.#random.pick(faults)
      this.done.push(fault)
      await this.#inject(fault)
    }
  }

  /** Stops the work, lets one process after the other recover, and audits. */
  async end(): Promise<string> {
    await Promise.all(this.#workers.map((worker) => worker.ask({ ask: 'rest' })))
    await this.#partWithTheOusted()
    this.#workers = await this.#place.spawnForEverySlot(this.#workers)
    for (const worker of this.#workers) await this.#place.untilRecovered(worker)
    const mayBeUnknown = this.#kinds === mixed ? mixed : []
    const tally = await this.#place.audit(this.#workers, mayBeUnknown)
    assert.ok(tally.committed > 0, 'some transactions committed')
    return `${this.done.length} faults; ${JSON.stringify(tally)}`
  }

  async #start(): Promise<WorkerProcess> {
    const options = { settleWaitMs: 300, timeoutMs: 2_000, answerTimeoutMs: 1_000 }
    const worker = this.#place.spawn({ ...options, kinds: this.#kinds, forms })
    await worker.untilReady()
    worker.tell({ ask: 'work', concurrency: 4 })
    return worker
  }

  /** Some more transactions end, by some worker. */
  async #progress(): Promise<void> {
    const ousted = this.#workers.filter(hasLostItsLog)
    for (const worker of ousted) await this.#replace(worker)
    const [worker] = this.#workers
    await worker?.untilTold('the work goes on', this.#random.integer(1, 20))
  }

  async #inject(fault: (typeof faults)[number]): Promise<void> {
    switch (fault) {
      case 'worker':
        return await this.#replace(this.#random.pick(this.#workers))
      case 'database':
        return await this.#bounce([this.#random.pick(sides)])
      case 'databases':
        return await this.#bounce(sides)
      case 'both': {
        const side = this.#random.pick(sides)
        await Promise.all([this.#replace(this.#random.pick(this.#workers)), this.#bounce([side])])
        return
      }
      case 'stop':
        return await this.#pause(this.#random.pick(this.#workers))
      case 'cut':
        await this.#place.bank.endSessionsOf(
          this.#random.pick(this.#workers).session,
          this.#random.pick(sides),
        )
        return
    }
  }

  async #replace(worker: WorkerProcess): Promise<void> {
    await this.#end(worker)
    this.#workers.push(await this.#start())
  }

  async #end(worker: WorkerProcess): Promise<void> {
    worker.signal('SIGKILL')
    await worker.untilDead()
    this.#workers = this.#workers.filter((each) => each !== worker)
  }

  /**
   * A process whose slot in a database was taken by another, when its sessions were cut, decides
   * nothing more: it is not asked how anything ended, but whoever has the slot now.
   */
  async #partWithTheOusted(): Promise<void> {
    if (this.#suite.decisionsIn === 'log directory') return
    for (const worker of [...this.#workers]) {
      await until('it works, or knows that it has lost its log', async () => {
        const told = await worker.ask({ ask: 'transfer', kind: 'transfer' })
        return told.result === 'committed' || hasLostItsLog(worker)
      })
      if (hasLostItsLog(worker)) await this.#end(worker)
    }
    if (this.#workers.length === 0) {
      this.#workers.push(await this.#place.spawn(adopting).untilReady())
    }
  }

  async #bounce(which: readonly Side[]): Promise<void> {
    const servers = await Promise.all(which.map((side) => this.#suite.server(side)))
    await Promise.all(servers.map((server) => server.kill()))
    await this.#last(this.#random.between(0, 200))
    await Promise.all(servers.map((server) => server.start()))
  }

  async #pause(worker: WorkerProcess): Promise<void> {
    worker.signal('SIGSTOP')
    await this.#last(this.#random.between(0, 500))
    worker.signal('SIGCONT')
  }

  /** A fault lasts for a while. */
  async #last(durationMs: number): Promise<void> {
    const endMs = performance.now() + durationMs
    await until('the fault has lasted', () => performance.now() > endMs)
  }
}

function hasLostItsLog({ told }: WorkerProcess): boolean {
  const last = told.at(-1)?.told
  return last?.result === 'failed' && last.code === 'ASSENT_LOG_FAILED'
}

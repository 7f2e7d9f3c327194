/** A machine for tests of the log: the simulated disk, virtual time, and turns drawn from a seed. */
import type { Disk, Timer, Timers } from '../../src/core/ports.ts'
import type { DecisionLogs } from '../../src/log/contract.ts'
import { type FileLogsOptions, openFileLogs } from '../../src/log/file/open.ts'
import { createSimulatedDisk, type SimulatedDisk } from '../../src/simulation/disk.ts'
import { SeededRandom } from '../../src/simulation/random.ts'

export const directory = 'logs'
/** The smallest segment: 31 batches of one sector fill it. */
export const segmentBytes: number = 16 * 1024

interface Pending {
  readonly atMs: number
  readonly run: () => void
}

export class Machine {
  readonly seed: number
  readonly random: SeededRandom
  readonly disk: SimulatedDisk
  nowMs = 0
  /** Operations of the disk that were carried out. */
  operations = 0
  #turns: (() => void)[] = []
  #timers = new Set<Pending>()

  constructor(seed = 1) {
    this.seed = seed
    this.random = new SeededRandom(seed)
    this.disk = createSimulatedDisk({
      random: this.random,
      delay: (run) => this.#turns.push(run),
    })
    this.disk.fault = () => {
      this.operations += 1
      return undefined
    }
  }

  get wallMs(): number {
    return 1_700_000_000_000 + this.nowMs
  }

  /** The logs of the directory as one process opens them. */
  logs(process = 'one', options: Partial<FileLogsOptions> = {}): DecisionLogs {
    return openFileLogs({
      disk: this.port(process),
      timers: this.timers,
      clock: { monotonicMs: () => this.nowMs, wallMs: () => this.wallMs },
      random: this.random,
      directory,
      installation: 'shop',
      segmentBytes,
      ...options,
    })
  }

  port(process = 'one'): Disk {
    return this.disk.portFor(process)
  }

  readonly timers: Timers = {
    set: (delayMs, run) => {
      const pending = { atMs: this.nowMs + delayMs, run }
      this.#timers.add(pending)
      return pending as unknown as Timer
    },
    clear: (timer) => {
      this.#timers.delete(timer as unknown as Pending)
    },
    soon: (run) => void Promise.resolve().then(run),
  }

  /** Kills every process with the power; timers and turns of the dead are gone. */
  powerLoss(): void {
    this.disk.powerLoss()
    this.#forget()
  }

  processDied(process: string): void {
    this.disk.processDied(process)
  }

  /** Runs turns until `promise` settles; undefined when a crash left nothing to wait for. */
  async run<Value>(promise: Promise<Value>): Promise<Value> {
    const result = await this.runUntilDead(promise)
    if (result === undefined) throw new Error(`seed ${this.seed}: nothing is left to run`)
    return result.value
  }

  /** Runs turns until `promise` settles, or until nothing is left that could settle it. */
  async runUntilDead<Value>(promise: Promise<Value>): Promise<{ value: Value } | undefined> {
    let settled: { value: Value } | { error: unknown } | undefined
    promise.then(
      (value) => {
        settled = { value }
      },
      (error: unknown) => {
        settled = { error }
      },
    )
    await drained()
    while (settled === undefined) {
      if (!(await this.turn())) return undefined
    }
    if ('error' in settled) throw settled.error
    return settled
  }

  /** Runs turns and timers until there are none; nothing is left to happen then. */
  async settle(): Promise<void> {
    await drained()
    while (await this.turn()) {
      // One turn after the other.
    }
  }

  /** One turn, in an order drawn from the seed; a timer when there is none. */
  async turn(): Promise<boolean> {
    const index = Math.floor(this.random.fraction() * this.#turns.length)
    const [run] = this.#turns.splice(index, 1)
    if (run !== undefined) run()
    else if (!this.#fire()) return false
    await drained()
    return true
  }

  #fire(): boolean {
    const [next] = [...this.#timers].sort((one, other) => one.atMs - other.atMs)
    if (next === undefined) return false
    this.#timers.delete(next)
    this.nowMs = Math.max(this.nowMs, next.atMs)
    next.run()
    return true
  }

  #forget(): void {
    this.#turns = []
    this.#timers = new Set()
  }
}

/** Resolves when every promise reaction that was due has run: ticks come after all of them. */
function drained(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve))
}

/** The contents of every file, to compare before and after. */
export function contentsOf(disk: SimulatedDisk): Map<string, string> {
  return new Map(
    [...disk.files()].map(([path, file]) => [
      path,
      Buffer.from(file.read(0, file.sizeBytes)).toString('base64'),
    ]),
  )
}

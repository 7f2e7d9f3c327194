/**
 * Keeps a worker running, and kills it again and again; kills databases that are the demo's own.
 * After each kill of the worker it looks which branches were left prepared.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { counted } from '../text.ts'
import type { InDoubtBranch } from './audit.ts'
import type { Database, WorkerSessions } from './database.ts'
import { preparedOf } from './databases.ts'
import { type Blow, blows, type Draw, drawsFrom, nextPauseMs } from './plan.ts'
import type { Display, Progress } from './progress.ts'
import type { WorkerOrders } from './worker-messages.ts'
import { WorkerProcess } from './worker-process.ts'

const downMaxMs = 700
const sessionsLimitMs = 1_000
const pollMs = 20

export interface HavocOptions {
  readonly databases: readonly Database[]
  readonly orders: Omit<WorkerOrders, 'incarnation'>
  readonly seed: number
  /** Milliseconds, on average, between two blows; 0 for none. */
  readonly killEveryMs: number
  readonly progress: Progress
  readonly display: Display
  readonly onProblem: (text: string) => void
}

export class Havoc {
  readonly #options: HavocOptions
  readonly #draw: Draw
  readonly #inDoubt: InDoubtBranch[] = []
  #worker: WorkerProcess | undefined
  #incarnation = 0

  constructor(options: HavocOptions) {
    this.#options = options
    this.#draw = drawsFrom(options.seed)
  }

  /** What was prepared when a worker was killed, over the whole run. */
  get inDoubt(): readonly InDoubtBranch[] {
    return this.#inDoubt
  }

  get worker(): WorkerProcess | undefined {
    return this.#worker
  }

  /** Starts the first worker. */
  async begin(): Promise<void> {
    await this.#startWorker()
  }

  /** Strikes until `signal` fires; then a worker runs and the databases are up. */
  async run(signal: AbortSignal): Promise<void> {
    const { killEveryMs, databases } = this.#options
    const sequence = blows(this.#draw)
    while (!signal.aborted) {
      const pauseMs = killEveryMs === 0 ? undefined : nextPauseMs(this.#draw, killEveryMs)
      await untilAborted(signal, pauseMs)
      if (signal.aborted) return
      const own = databases.filter(({ server }) => server !== undefined)
      const victim = own[Math.floor(this.#draw() * own.length)]
      const blow = sequence.next().value as Blow
      await this.#strike(victim === undefined ? 'worker' : blow, victim)
    }
  }

  /** At once, without waiting: for when the demo itself is ended. */
  killNow(): void {
    this.#worker?.killNow()
  }

  async #strike(blow: Blow, victim: Database | undefined): Promise<void> {
    const hitsDatabase = blow !== 'worker' && victim?.server !== undefined
    const hitsWorker = blow !== 'database'
    if (hitsDatabase) await this.#killDatabase(victim)
    if (hitsWorker) await this.#killWorker()
    if (hitsDatabase) {
      await pause(this.#draw() * downMaxMs)
      await this.#restartDatabase(victim)
    }
    if (!hitsWorker) return
    await this.#lookForPrepared()
    await this.#startWorker()
  }

  async #killDatabase({ side, server }: Database): Promise<void> {
    const { progress, display } = this.#options
    progress.up[side] = false
    display.note(`killed the database ${side}`)
    await server?.kill()
  }

  async #restartDatabase({ side, server }: Database): Promise<void> {
    const { progress, display } = this.#options
    await server?.start()
    progress.up[side] = true
    progress.restarts += 1
    display.note(`restarted the database ${side}`)
  }

  async #killWorker(): Promise<void> {
    const { progress } = this.#options
    progress.workerPid = undefined
    await this.#worker?.kill()
    progress.kills += 1
  }

  async #lookForPrepared(): Promise<void> {
    const { databases, orders, display } = this.#options
    let found = 0
    for (const database of databases) {
      const { applicationName } = orders
      const numbers = this.#worker?.sessions[database.side] ?? []
      await untilGone(database, { applicationName, numbers })
      const gids = await preparedOf(database, orders.name)
      found += gids.length
      this.#inDoubt.push(...gids.map((gid) => ({ gid, side: database.side })))
    }
    const branches = counted(found, 'branch was', 'branches were')
    display.note(`killed the worker; ${branches} left prepared`)
  }

  async #startWorker(): Promise<void> {
    const { orders, progress, onProblem } = this.#options
    this.#incarnation += 1
    const all = { ...orders, incarnation: this.#incarnation }
    this.#worker = await WorkerProcess.start(all, onProblem)
    progress.workerPid = this.#worker.pid
  }
}

/**
 * A server notices the loss of a client a moment later, and what the client had sent still happens.
 * Bounded: a session that waits for a lock notices nothing.
 */
async function untilGone(database: Database, worker: WorkerSessions): Promise<void> {
  const end = performance.now() + sessionsLimitMs
  while ((await database.sessionsOf(worker)) > 0 && performance.now() < end) {
    await pause(pollMs)
  }
}

/** Waits for `ms`, or for ever, or until the signal fires. */
async function untilAborted(signal: AbortSignal, ms: number | undefined): Promise<void> {
  const forever = 2 ** 31 - 1
  await pause(ms ?? forever, undefined, { signal }).catch(() => undefined)
}

/** A worker process, as the demo that starts and kills it sees it. */
import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { CommandFailure } from '../failures.ts'
import type { Side } from './plan.ts'
import type { FromWorker, ToWorker, WorkerOrders } from './worker-messages.ts'

/** From the sources and from what is built of them. */
const program = fileURLToPath(
  import.meta.url.endsWith('.ts')
    ? new URL('./worker.ts', import.meta.url)
    : new URL('./worker.js', import.meta.url),
)
const startLimitMs = 60_000
const finishLimitMs = 30_000
const closeLimitMs = 30_000
const errorTextMax = 2_000

export class WorkerProcess {
  readonly #child: ChildProcess
  readonly #exited: Promise<void>
  readonly #waiting = new Map<FromWorker['type'], (message: FromWorker) => void>()
  /** The numbers that servers gave its sessions, where it has told them. */
  readonly sessions: Readonly<Record<Side, number[]>> = { left: [], right: [] }
  /** What it said last of what must not happen. */
  #problem = ''
  #errorText = ''
  #isEnding = false

  private constructor(orders: WorkerOrders, onProblem: (text: string) => void) {
    this.#child = fork(program, [], {
      // Ctrl-C in our terminal is ours to handle.
      detached: true,
      execArgv: [],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    })
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#errorText = `${this.#errorText}${text}`.slice(-errorTextMax)
    })
    this.#child.on('message', (message: FromWorker) => {
      if (message.type === 'problem') {
        this.#problem = message.text
        onProblem(message.text)
      }
      if (message.type === 'session') this.sessions[message.side].push(message.number)
      this.#waiting.get(message.type)?.(message)
    })
    this.#exited = new Promise((resolve) => {
      this.#child.once('exit', (code, signal) => {
        if (!this.#isEnding) onProblem(this.#endText(code, signal))
        resolve()
      })
    })
    this.#tell({ type: 'orders', orders })
  }

  /** Starts a worker and waits until its coordinator is open. */
  static async start(
    orders: WorkerOrders,
    onProblem: (text: string) => void,
  ): Promise<WorkerProcess> {
    const worker = new WorkerProcess(orders, onProblem)
    try {
      await worker.#hear('ready', startLimitMs)
      return worker
    } catch (failure) {
      await worker.kill()
      throw failure
    }
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  /** Kills it as a power cut would, and waits until it is gone. */
  async kill(): Promise<void> {
    this.killNow()
    await this.#exited
  }

  killNow(): void {
    this.#isEnding = true
    this.#child.kill('SIGKILL')
  }

  /** Lets it end the transfers under way, and begin no more. */
  async finish(): Promise<void> {
    this.#tell({ type: 'finish' })
    await this.#hear('finished', finishLimitMs)
  }

  /** Lets it close its coordinator and end; answers what the coordinator had to leave. */
  async close(): Promise<Extract<FromWorker, { type: 'closed' }>> {
    this.#isEnding = true
    this.#tell({ type: 'close' })
    const report = await this.#hear('closed', closeLimitMs)
    await within(closeLimitMs, this.#exited, 'the worker closed and did not end')
    return report as Extract<FromWorker, { type: 'closed' }>
  }

  #tell(message: ToWorker): void {
    this.#child.send(message, () => undefined) // one that is gone is seen by its exit
  }

  async #hear(type: FromWorker['type'], limitMs: number): Promise<FromWorker> {
    const heard = new Promise<FromWorker>((resolve, reject) => {
      this.#waiting.set(type, resolve)
      void this.#exited.then(() => {
        const why = this.#problem === '' ? this.#errorText : this.#problem
        reject(new CommandFailure(`the worker ended before it was ${type}: ${why}`))
      })
    })
    try {
      return await within(limitMs, heard, `the worker was not ${type} within ${limitMs} ms`)
    } finally {
      this.#waiting.delete(type)
    }
  }

  #endText(code: number | null, signal: NodeJS.Signals | null): string {
    return `the worker ended by itself (${signal ?? `exit code ${code}`}): ${this.#errorText}`
  }
}

async function within<Value>(
  limitMs: number,
  awaited: Promise<Value>,
  problem: string,
): Promise<Value> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new CommandFailure(problem)), limitMs)
  })
  try {
    return await Promise.race([awaited, late])
  } finally {
    clearTimeout(timer)
  }
}

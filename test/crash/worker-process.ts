/** A worker process as its test sees it: asked, stopped, killed, and always collected. */
import assert from 'node:assert/strict'
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

import type { CloseReport } from '../../src/index.ts'
import { until } from '../harness/until.ts'
import { type Entry, readDiary } from './worker/diary.ts'
import {
  type Pending,
  type Question,
  settingsVariable,
  type Told,
  type WorkerSettings,
} from './worker/settings.ts'

const run = promisify(execFile)
const program = fileURLToPath(new URL('./worker/program.ts', import.meta.url))

/** Many workers are started: what Node makes of the sources is kept, which saves two thirds. */
const compileCache = fileURLToPath(new URL('../../node_modules/.cache/compile', import.meta.url))

interface Answers {
  readonly transfer: Told
  readonly work: undefined
  readonly rest: undefined
  readonly pending: Pending
  readonly outcomes: readonly string[]
  readonly resolve: undefined
  readonly 'break the disk': undefined
  readonly 'disk calls': Readonly<Record<string, number>>
  readonly close: CloseReport
}

interface Reply {
  readonly ready?: true
  readonly number?: number
  readonly result?: unknown
  readonly failure?: string
}

/** How a process ended. */
export interface Ending {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export class WorkerProcess {
  readonly settings: WorkerSettings
  readonly #child: ChildProcess
  readonly #asked = new Map<number, (reply: Reply) => void>()
  readonly #said: string[] = []
  #isReady = false
  #ending: Ending | undefined

  constructor(settings: WorkerSettings) {
    this.settings = settings
    const { NODE_TEST_CONTEXT: _, ...env } = process.env
    // Not as an argument: every account of the machine could read the servers' passwords.
    const given = { [settingsVariable]: JSON.stringify(settings) }
    this.#child = spawn(process.execPath, [program], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: { NODE_COMPILE_CACHE: compileCache, ...env, ...given },
    })
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => this.#said.push(text))
    }
    this.#child.on('message', (message) => this.#heard(message as Reply))
    this.#child.on('error', (error) => this.#said.push(String(error)))
    this.#child.on('exit', (code, signal) => {
      this.#ending = { code, signal }
      for (const answer of this.#asked.values()) answer({ failure: 'the worker is dead' })
      this.#asked.clear()
    })
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  /** How the servers list its sessions. */
  get session(): string {
    return this.settings.session
  }

  get isReady(): boolean {
    return this.#isReady
  }

  get ending(): Ending | undefined {
    return this.#ending
  }

  /** What it wrote to its standard streams: evidence, for a failure's message. */
  get said(): string {
    return this.#said.join('')
  }

  get diary(): Entry[] {
    return readDiary(this.settings.diary)
  }

  /** The crash point that it came to, if it did. */
  get reached(): Extract<Entry, { type: 'reached' }> | undefined {
    return this.diary.find((entry) => entry.type === 'reached')
  }

  /** The transaction that was at the crash point; where that doesn't tell, the last that began. */
  get subject(): string | undefined {
    return this.reached?.id ?? this.diary.findLast((entry) => entry.type === 'began')?.id
  }

  /** How often callers were told, so far. */
  get told(): Extract<Entry, { type: 'told' }>[] {
    return this.diary.filter((entry) => entry.type === 'told')
  }

  async untilReady(): Promise<this> {
    await until('the worker has opened its coordinator', () => {
      assert.ok(this.#ending === undefined, `the worker ended early: ${this.said}`)
      return this.#isReady
    })
    return this
  }

  /** Rejects when the worker dies before it answers, or does not answer in time. */
  async ask<Asked extends Question['ask']>(
    question: Extract<Question, { ask: Asked }>,
  ): Promise<Answers[Asked]> {
    let answered: Reply | undefined
    const number = nextNumber()
    if (this.#ending === undefined) {
      this.#asked.set(number, (reply) => {
        answered = reply
      })
      this.#child.send({ number, question }, (error) => {
        if (error) answered = { failure: String(error) }
      })
    } else answered = { failure: 'the worker is dead' }
    await until(`the worker answers to ${JSON.stringify(question)}`, () => answered !== undefined)
    const reply = answered ?? {}
    if (reply.failure !== undefined) {
      throw new Error(`${question.ask}: ${reply.failure}; the worker said: ${this.said}`)
    }
    return reply.result as Answers[Asked]
  }

  /** Asks, and does not wait for an answer that may never come. */
  tell(question: Question): void {
    this.ask(question).catch(() => undefined)
  }

  signal(signal: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): void {
    this.#child.kill(signal)
  }

  /**
   * Waits until it has come to its crash point and stands still there: it says so just before, and
   * a SIGCONT that came in between would be lost. Answers the transaction's id.
   */
  async untilStopped(): Promise<string> {
    await until('the worker stops', async () => {
      assert.equal(this.#ending, undefined, `the worker died: ${this.said}`)
      return this.reached !== undefined && (await isStopped(this.pid))
    })
    return this.subject ?? ''
  }

  async untilDead(): Promise<Ending> {
    await until('the worker is dead', () => this.#ending !== undefined)
    return this.#ending as Ending
  }

  /** Waits until callers have been told `more` times than by now. */
  async untilTold(what: string, more: number): Promise<void> {
    const before = this.told.length
    await until(what, () => {
      assert.equal(this.#ending, undefined, `the worker died: ${this.said}`)
      return this.told.length >= before + more
    })
  }

  /** Lets the servers notice the end of sessions that outlive it. */
  letGoOfSessions(): void {
    for (const entry of this.diary) if (entry.type === 'keeper') endProcess(entry.pid)
  }

  /** Kills it if it lives. */
  async remove(): Promise<void> {
    if (this.#ending === undefined) this.#child.kill('SIGKILL')
    await this.untilDead()
    this.letGoOfSessions()
  }

  /** Gives up in order, and ends. */
  async close(): Promise<CloseReport> {
    const report = await this.ask({ ask: 'close' })
    this.#child.disconnect()
    await this.untilDead()
    return report
  }

  #heard(reply: Reply): void {
    if (reply.ready === true) this.#isReady = true
    if (reply.number === undefined) return
    this.#asked.get(reply.number)?.(reply)
    this.#asked.delete(reply.number)
  }
}

async function isStopped(pid: number): Promise<boolean> {
  if (process.platform === 'linux') {
    // `pid (command) state ...`
    return /\) T /.test(await readFile(`/proc/${pid}/stat`, 'utf8'))
  }
  const { stdout } = await run('ps', ['-o', 'stat=', '-p', String(pid)])
  return stdout.startsWith('T')
}

function endProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

let numbers = 0

function nextNumber(): number {
  numbers += 1
  return numbers
}

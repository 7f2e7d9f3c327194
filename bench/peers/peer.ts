/**
 * A transaction manager in a process of its own, which lives through all rounds: what is compiled there
 * stays compiled. It is told by lines what to run, and ends with its input, and so with us.
 */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Limit } from '../load.ts'
import type { Entrant } from '../tournament.ts'
import {
  command,
  PeerFailed,
  type PeerLoad,
  type PeerWork,
  readAnswer,
  readReady,
} from './answers.ts'

export interface PeerProgram {
  /** As it calls itself, and as it is called in the tables. */
  readonly name: string
  readonly program: string
  readonly arguments: readonly string[]
  /** Variables besides those of this process. */
  readonly environment?: Readonly<Record<string, string>>
  /** How long it may take to end before it is killed; 10 s by default. */
  readonly endLimitMs?: number
}

const startLimitMs = 60_000
/** Besides the length of its turn. */
const answerLimitMs = 60_000
const endLimitMsDefault = 10_000
const keptOfItsWords = 4_000

/** Those that run; they are ended with this process, however it ends. */
const running = new Set<ChildProcessWithoutNullStreams>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

export class Peer {
  readonly name: string
  readonly #child: ChildProcessWithoutNullStreams
  readonly #lines: AsyncIterator<string>
  readonly #over: Promise<string>
  readonly #endLimitMs: number
  #words = ''
  #forcedWrites = 0

  private constructor(given: PeerProgram) {
    this.name = given.name
    this.#endLimitMs = given.endLimitMs ?? endLimitMsDefault
    const child = spawn(given.program, [...given.arguments], {
      env: { ...process.env, ...given.environment },
    })
    this.#child = child
    running.add(child)
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#words = (this.#words + text).slice(-keptOfItsWords)
    })
    child.stdin.on('error', () => undefined) // it has ended, which `#over` tells
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
    this.#over = new Promise((resolve) => {
      child.once('error', (error) => resolve(error.message))
      child.once('close', (code, signal) => resolve(`ended with ${signal ?? code}`))
    })
    void this.#over.then(() => running.delete(child))
  }

  /** Starts it and waits until it is ready. Rejects with `PeerFailed`. */
  static async start(given: PeerProgram): Promise<Peer> {
    const peer = new Peer(given)
    try {
      readReady(given.name, await peer.#nextLine(startLimitMs))
      return peer
    } catch (error) {
      await peer.end()
      throw error
    }
  }

  /** Undefined where it could not be started. */
  get pid(): number | undefined {
    return this.#child.pid
  }

  /** Its work as an entrant of a tournament. */
  entrant(work: PeerWork): Entrant {
    return {
      name: this.name,
      forcedWrites: () => this.#forcedWrites,
      run: async (inFlight, limit) => {
        const load = await this.#run(work, inFlight, limit)
        this.#forcedWrites += load.forcedWrites
        return load
      },
    }
  }

  /** Ends it by the end of its input, or, when it does not heed that, by its pid. */
  async end(): Promise<void> {
    this.#child.stdin.end('end\n')
    const isOver = await within(this.#endLimitMs, this.#over)
    if (isOver === undefined) {
      this.#child.kill('SIGKILL')
      await this.#over
    }
  }

  async #run(work: PeerWork, inFlight: number, limit: Limit): Promise<PeerLoad> {
    this.#child.stdin.write(`${command(work, inFlight, limit)}\n`)
    const limitMs = (limit.seconds ?? 0) * 1000 + answerLimitMs
    return readAnswer(this.name, await this.#nextLine(limitMs))
  }

  async #nextLine(limitMs: number): Promise<string> {
    const line = await within(limitMs, this.#lines.next())
    if (line === undefined) throw new PeerFailed(`${this.name} did not answer in ${limitMs} ms`)
    if (line.done !== true) return line.value
    throw new PeerFailed(`${this.name} ${await this.#over}:\n${this.#words}`)
  }
}

/** What it resolves to, or undefined when that takes longer. */
async function within<Value>(limitMs: number, value: Promise<Value>): Promise<Value | undefined> {
  const { promise: late, resolve } = Promise.withResolvers<undefined>()
  const timer = setTimeout(() => resolve(undefined), limitMs)
  try {
    return await Promise.race([value, late])
  } finally {
    clearTimeout(timer)
  }
}

/** Child processes of tests: their lines, their end, and nothing left behind. */
import assert from 'node:assert/strict'
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

export class Child {
  readonly #process: ChildProcessWithoutNullStreams
  readonly #lines: AsyncIterator<string>
  readonly #ended: Promise<unknown>
  errors = ''

  /** Runs a TypeScript file beside the given module. */
  constructor(module: string, file: string, ...given: readonly string[]) {
    const path = fileURLToPath(new URL(file, module))
    this.#process = spawn(process.execPath, [path, ...given], { stdio: 'pipe' })
    this.#process.stderr.on('data', (bytes: Buffer) => {
      this.errors += bytes.toString()
    })
    // A child that was killed has closed its input already.
    this.#process.stdin.on('error', () => undefined)
    this.#lines = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]()
    this.#ended = once(this.#process, 'exit')
  }

  /** The next line that it says; undefined after its last one. */
  async line(): Promise<string | undefined> {
    const { value, done } = await this.#lines.next()
    return done === true ? undefined : value
  }

  /** Every line still to come. */
  async rest(): Promise<string[]> {
    const lines: string[] = []
    for (let line = await this.line(); line !== undefined; line = await this.line()) {
      lines.push(line)
    }
    return lines
  }

  signal(signal: NodeJS.Signals): void {
    assert.ok(this.#process.kill(signal))
  }

  /** Kills it, and answers when the operating system has given back what it held. */
  async kill(): Promise<void> {
    this.#process.kill('SIGKILL')
    await this.#ended
  }

  /** Ends its input, which asks it to end in order. */
  async end(): Promise<void> {
    this.#process.stdin.end()
    await this.#ended
  }
}

/**
 * A real MariaDB server of one's own, for the tests: private directory, private port on 127.0.0.1,
 * every commit flushed. It can be killed as a power cut would end it, and started again on the same
 * data.
 */
import type { ChildProcess } from 'node:child_process'
import { chown, mkdir, readdir, readFile, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'

import {
  exists,
  isOpenToAll,
  makeOpenDirectory,
  makeTemporaryDirectory,
} from '../../../src/cli/postgres-server/directories.ts'
import { freePort } from '../../../src/cli/postgres-server/free-port.ts'
import { signalAll, survivorsOf } from '../../../src/cli/postgres-server/processes.ts'
import { spawnServer } from '../../../src/cli/postgres-server/server-process.ts'
import { until } from '../../../src/cli/postgres-server/until.ts'
import { locateMariadb, type MariadbProgram } from './program.ts'
import { firstDatabase, makeDataDirectory, settingArguments, sizes, superuser } from './template.ts'

export type MariadbSettings = Readonly<Record<string, string | number>>

export interface MariadbServerOptions {
  /** Where its data and its log go; a new temporary directory by default. */
  readonly directory?: string
  /** Further settings, as in `my.cnf`. */
  readonly settings?: MariadbSettings
}

const startLimitMs = 60_000
const stopLimitMs = 20_000
const greetingLimitMs = 1_000
const portAttempts = 5

/** Starts a server and waits until it takes connections. Rejects with `MariadbMissing`. */
export async function startMariadbServer(
  options: MariadbServerOptions = {},
): Promise<MariadbServer> {
  const program = await locateMariadb()
  const directory = options.directory ?? (await makeTemporaryDirectory('assent-my-'))
  await makeOpenDirectory(directory)
  if (program.account !== undefined && !(await isOpenToAll(directory))) {
    throw new Error(`the server runs as nobody, who can't reach ${directory}: chmod o+x above it`)
  }
  try {
    const password = await makeDataDirectory(program, join(directory, 'data'))
    const server = new MariadbServer(program, directory, password, options)
    await server.start()
    return server
  } catch (error) {
    if (options.directory === undefined) await rm(directory, { recursive: true, force: true })
    throw error
  }
}

export class MariadbServer {
  readonly kind = 'mariadb'
  readonly directory: string
  readonly logFile: string
  readonly #program: MariadbProgram
  readonly #password: string
  readonly #options: MariadbServerOptions
  #port = 0
  #child: ChildProcess | undefined
  #isToEnd = false

  constructor(
    program: MariadbProgram,
    directory: string,
    password: string,
    options: MariadbServerOptions,
  ) {
    this.#program = program
    this.directory = directory
    this.logFile = join(directory, 'server.log')
    this.#password = password
    this.#options = options
  }

  get port(): number {
    return this.#port
  }

  /** For the superuser `assent`, database `assent`. */
  get url(): string {
    return `mysql://${superuser}:${this.#password}@127.0.0.1:${this.#port}/${firstDatabase}`
  }

  /** The pid of the server while it runs; MariaDB is one process. */
  get pid(): number | undefined {
    return this.#child?.pid
  }

  /** Starts it on the data that is there, on the port that it had. */
  async start(settings: MariadbSettings = {}): Promise<void> {
    if (this.#child !== undefined) throw new Error('the server runs already')
    const all = { ...this.#options.settings, ...settings }
    if (this.#port !== 0) return await this.#startOnPort(all)
    for (let attempt = 1; ; attempt += 1) {
      this.#port = await freePort()
      try {
        return await this.#startOnPort(all)
      } catch (error) {
        // Somebody may have taken the port since it was found free.
        const isTaken = (error as Error).message.includes('Address already in use')
        if (!isTaken || attempt === portAttempts) throw error
      }
    }
  }

  /** Kills it at once, as a power cut would; the data stays. */
  async kill(): Promise<void> {
    const pid = this.#child?.pid
    if (pid === undefined) return
    this.#isToEnd = true
    signalAll([pid], 'SIGKILL')
    await until(async () => (await survivorsOf([pid])).length === 0, stopLimitMs, 'the kill')
    await until(() => this.#child === undefined, stopLimitMs, 'the exit event')
  }

  /** `kill` if it runs, then `start`. */
  async restart(settings: MariadbSettings = {}): Promise<void> {
    await this.kill()
    await this.start(settings)
  }

  /** An orderly stop that cuts connections off. */
  async stop(): Promise<void> {
    this.#isToEnd = true
    this.#child?.kill('SIGTERM')
    try {
      await until(() => this.#child === undefined, stopLimitMs, 'the stop')
    } catch {
      await this.kill()
    }
  }

  /** Freezes it: connections stay open, and nobody answers. */
  async suspend(): Promise<void> {
    const pid = this.#child?.pid
    if (pid === undefined) return
    signalAll([pid], 'SIGSTOP')
    await until(() => isStopped(pid), stopLimitMs, 'the suspension')
  }

  async resume(): Promise<void> {
    const pid = this.#child?.pid
    if (pid !== undefined) await Promise.resolve(signalAll([pid], 'SIGCONT'))
  }

  /** Kills it and deletes its directory. */
  async remove(): Promise<void> {
    await this.kill()
    await rm(this.directory, { recursive: true, force: true, maxRetries: 3 })
  }

  async #startOnPort(settings: MariadbSettings): Promise<void> {
    const { mariadbd, account, setpriv } = this.#program
    const data = join(this.directory, 'data')
    const socket = join(this.directory, 'data', 'socket')
    await rm(socket, { force: true }) // what a killed server left
    const temporary = await this.#temporaryDirectory()
    this.#isToEnd = false
    const child = await spawnServer({
      program: mariadbd,
      arguments: [
        '--no-defaults',
        `--datadir=${data}`,
        `--tmpdir=${temporary}`,
        `--socket=${socket}`,
        `--port=${this.#port}`,
        ...settingArguments({ ...defaults, ...settings }),
      ],
      account,
      setpriv,
      directory: data,
      logFile: this.logFile,
      outlives: false,
    })
    this.#child = child
    let isUp = false
    child.once('exit', (code, signal) => {
      if (this.#child === child) this.#child = undefined
      if (isUp && !this.#isToEnd) void this.#reportTheEnd(signal ?? `code ${code}`)
    })
    const isReady = async (): Promise<boolean> => {
      if (this.#child !== child) throw await this.#startFailure()
      return await greets(socket)
    }
    await until(isReady, startLimitMs, 'the start')
    isUp = true
  }

  /**
   * A server that starts deletes every `#sql*` in its directory for temporary files. Where servers
   * share one, that takes the tables of running queries away, and MariaDB dies of it (signal 11).
   */
  async #temporaryDirectory(): Promise<string> {
    const { account } = this.#program
    const directory = join(this.directory, 'tmp')
    await mkdir(directory, { recursive: true })
    if (account !== undefined) await chown(directory, account.uid, account.gid)
    return directory
  }

  /** A test would only see that its connections are lost. */
  async #reportTheEnd(how: string): Promise<void> {
    const tail = await this.#logTail(60) // its report of a signal takes about forty lines
    process.stderr.write(`MariaDB in ${this.directory} ended by itself (${how}):\n${tail}\n`)
  }

  async #startFailure(): Promise<Error> {
    return new Error(`MariaDB in ${this.directory} did not start:\n${await this.#logTail(12)}`)
  }

  async #logTail(lines: number): Promise<string> {
    const log = (await exists(this.logFile)) ? await readFile(this.logFile, 'utf8') : ''
    return log.trimEnd().split('\n').slice(-lines).join('\n')
  }
}

const defaults: MariadbSettings = {
  ...sizes,
  bind_address: '127.0.0.1',
  pid_file: 'pid',
  // A yes-vote is to survive a power cut; this is what makes it durable.
  innodb_flush_log_at_trx_commit: 1,
  max_connections: 100,
  skip_name_resolve: 1,
  performance_schema: 0,
  innodb_buffer_pool_dump_at_shutdown: 0,
  innodb_buffer_pool_load_at_startup: 0,
  character_set_server: 'utf8mb4',
  default_time_zone: '+00:00',
  open_files_limit: 1_024,
  table_open_cache: 200,
}

/** Whether a server behind the socket speaks first, as it does when it takes connections. */
function greets(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(socket)
    const end = (greeted: boolean): void => {
      probe.destroy()
      resolve(greeted)
    }
    probe.once('data', () => end(true))
    probe.once('error', () => end(false))
    probe.once('close', () => end(false))
    // waits: bounds one probe; the caller polls
    probe.setTimeout(greetingLimitMs, () => end(false))
  })
}

/** Whether every thread stands still: the signal reaches a busy one a moment later than the rest. */
async function isStopped(pid: number): Promise<boolean> {
  if (process.platform !== 'linux') return true
  const threads = await readdir(`/proc/${pid}/task`)
  const texts = await Promise.all(
    // A thread may end in between.
    threads.map((thread) =>
      readFile(`/proc/${pid}/task/${thread}/stat`, 'utf8').catch(() => ') T'),
    ),
  )
  return texts.every((text) => text.charAt(text.lastIndexOf(')') + 2) === 'T')
}

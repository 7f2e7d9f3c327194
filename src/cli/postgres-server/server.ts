/**
 * A real PostgreSQL server of one's own, for the demo and the tests: private directory, private
 * port on 127.0.0.1, prepared transactions switched on. It can be killed as a power cut would end
 * its processes, and started again on the same data.
 */
import type { ChildProcess } from 'node:child_process'
import { readFile, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'

import { exists, isOpenToAll, makeOpenDirectory, makeTemporaryDirectory } from './directories.ts'
import { freePort } from './free-port.ts'
import { childrenOf, signalAll, survivorsOf } from './processes.ts'
import { locatePostgres, type PostgresProgram } from './program.ts'
import { spawnServer } from './server-process.ts'
import { makeDataDirectory } from './template.ts'
import { until } from './until.ts'

export interface PostgresServerOptions {
  /** Where its data and its log go; a new temporary directory by default. */
  readonly directory?: string
  /** 64 by default; 0 as PostgreSQL itself has it. */
  readonly maxPreparedTransactions?: number
  /** Further settings of `postgresql.conf`. */
  readonly settings?: Readonly<Record<string, string | number>>
  /** Lets the server live on when this process ends. */
  readonly outlives?: boolean
}

const startLimitMs = 60_000
const stopLimitMs = 20_000
const portAttempts = 5

/** Starts a server and waits until it takes connections. Rejects with `PostgresMissing`. */
export async function startPostgresServer(
  options: PostgresServerOptions = {},
): Promise<PostgresServer> {
  const program = await locatePostgres()
  const directory = options.directory ?? (await makeTemporaryDirectory('assent-pg-'))
  await makeOpenDirectory(directory)
  if (program.account !== undefined && !(await isOpenToAll(directory))) {
    throw new Error(`the server runs as nobody, who can't reach ${directory}: chmod o+x above it`)
  }
  try {
    const password = await makeDataDirectory(program, join(directory, 'data'))
    const server = new PostgresServer(program, directory, password, options)
    await server.start()
    return server
  } catch (error) {
    if (options.directory === undefined) await rm(directory, { recursive: true, force: true })
    throw error
  }
}

export class PostgresServer {
  readonly directory: string
  readonly logFile: string
  readonly #program: PostgresProgram
  readonly #password: string
  readonly #options: PostgresServerOptions
  #port = 0
  #child: ChildProcess | undefined

  constructor(
    program: PostgresProgram,
    directory: string,
    password: string,
    options: PostgresServerOptions,
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

  /** For the superuser `postgres`, database `postgres`. */
  get url(): string {
    return `postgres://postgres:${this.#password}@127.0.0.1:${this.#port}/postgres`
  }

  /** The pid of the postmaster while it runs. */
  get pid(): number | undefined {
    return this.#child?.pid
  }

  /** Starts it on the data that is there, on the port that it had. */
  async start(settings: Readonly<Record<string, string | number>> = {}): Promise<void> {
    if (this.#child !== undefined) throw new Error('the server runs already')
    const all = { ...this.#options.settings, ...settings }
    if (this.#port !== 0) return await this.#startOnPort(all)
    for (let attempt = 1; ; attempt += 1) {
      this.#port = await freePort()
      try {
        return await this.#startOnPort(all)
      } catch (error) {
        // Somebody may have taken the port since it was found free.
        const isTaken = (error as Error).message.includes('could not bind')
        if (!isTaken || attempt === portAttempts) throw error
      }
    }
  }

  async #startOnPort(settings: Readonly<Record<string, string | number>>): Promise<void> {
    const { postgres, account, setpriv } = this.#program
    const data = join(this.directory, 'data')
    const child = await spawnServer({
      program: postgres,
      arguments: ['-D', data, '-p', String(this.#port), ...this.#settingArguments(settings)],
      account,
      setpriv,
      directory: data,
      logFile: this.logFile,
      outlives: this.#options.outlives === true,
    })
    this.#child = child
    child.once('exit', () => {
      if (this.#child === child) this.#child = undefined
    })
    await this.#untilReady(child)
  }

  /** Kills every process of the server at once, as a power cut would; the data stays. */
  async kill(): Promise<void> {
    const child = this.#child
    const pid = child?.pid
    if (child === undefined || pid === undefined) return
    // Stopped first, so that it can't fork a backend between the listing and the kill.
    signalAll([pid], 'SIGSTOP')
    const tree = [pid, ...(await childrenOf(pid))]
    signalAll(tree, 'SIGKILL')
    await until(async () => (await survivorsOf(tree)).length === 0, stopLimitMs, 'the kill')
    await until(() => this.#child === undefined, stopLimitMs, 'the exit event')
  }

  /** `kill` if it runs, then `start`. */
  async restart(settings: Readonly<Record<string, string | number>> = {}): Promise<void> {
    await this.kill()
    await this.start(settings)
  }

  /** An orderly stop that cuts connections off (`fast`). */
  async stop(): Promise<void> {
    this.#child?.kill('SIGINT')
    try {
      await until(() => this.#child === undefined, stopLimitMs, 'the stop')
    } catch {
      await this.kill()
    }
  }

  /** Freezes every process: connections stay open, and nobody answers. */
  async suspend(): Promise<void> {
    const pid = this.#child?.pid
    if (pid === undefined) return
    signalAll([pid], 'SIGSTOP')
    signalAll(await childrenOf(pid), 'SIGSTOP')
  }

  async resume(): Promise<void> {
    const pid = this.#child?.pid
    if (pid === undefined) return
    signalAll([...(await childrenOf(pid)), pid], 'SIGCONT')
  }

  /** Kills it and deletes its directory. */
  async remove(): Promise<void> {
    await this.kill()
    await rm(this.directory, { recursive: true, force: true, maxRetries: 3 })
  }

  #settingArguments(settings: Readonly<Record<string, string | number>>): string[] {
    const all = {
      listen_addresses: '127.0.0.1',
      unix_socket_directories: '',
      max_prepared_transactions: this.#options.maxPreparedTransactions ?? 64,
      max_connections: 100,
      shared_buffers: '16MB',
      timezone: 'UTC',
      ...settings,
    }
    return Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  }

  async #untilReady(child: ChildProcess): Promise<void> {
    const pidFile = join(this.directory, 'data', 'postmaster.pid')
    const isReady = async (): Promise<boolean> => {
      if (this.#child !== child) throw await this.#startFailure()
      // The file of a killed server may still be there, so the pid in it must be the new one.
      const lines = (await readFile(pidFile, 'utf8').catch(() => '')).split('\n')
      return lines[0] === String(child.pid) && lines[7]?.trim() === 'ready'
    }
    await until(isReady, startLimitMs, 'the start')
  }

  async #startFailure(): Promise<Error> {
    const log = (await exists(this.logFile)) ? await readFile(this.logFile, 'utf8') : ''
    const tail = log.trimEnd().split('\n').slice(-8).join('\n')
    return new Error(`PostgreSQL in ${dirname(this.logFile)} did not start:\n${tail}`)
  }
}

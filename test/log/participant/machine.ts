/** Processes that share one decision table, on a time that passes only when a test says so. */
import type { Decision } from '../../../src/core/decision.ts'
import type { TableSession } from '../../../src/core/decision-table.ts'
import type { TransactionKey } from '../../../src/core/ids.ts'
import type { DecisionLog, DecisionLogs, LogRecord, RecordOf } from '../../../src/log/contract.ts'
import { openTableLogs, type TableLogsOptions } from '../../../src/log/participant/open.ts'
import { ManualTime, promisesSettled } from '../../coordinator/doubles/manual-time.ts'
import { MemoryTable } from './memory-table.ts'

export class Machine {
  readonly table = new MemoryTable()
  readonly time = new ManualTime()
  #seed = 1

  /** A process: its timers fall silent when it dies, and its sessions are gone. */
  process(options: Partial<TableLogsOptions> = {}): Process {
    return new Process(this, options)
  }

  random(): TableLogsOptions['random'] {
    return {
      fraction: () => 0.5,
      fill: (bytes) => {
        for (let index = 0; index < bytes.length; index += 1) bytes[index] = this.#next() & 31
      },
    }
  }

  #next(): number {
    this.#seed = (this.#seed * 1_103_515_245 + 12_345) % 2_147_483_648
    return this.#seed >> 8
  }
}

export class Process {
  readonly logs: DecisionLogs
  isDead = false
  readonly #sessions: TableSession[] = []

  constructor(machine: Machine, options: Partial<TableLogsOptions>) {
    const { table } = machine
    const timers = machine.time.timersOf(this)
    this.logs = openTableLogs({
      table: {
        location: table.location,
        prepare: () => table.prepare(),
        logs: (installation) => table.logs(installation),
        lock: async (request) => this.#keep(await table.lock(request)),
        presumeAborted: (holder, transaction) => table.presumeAborted(holder, transaction),
      },
      resource: 'orders',
      installation: 'shop',
      timers,
      backgroundTimers: timers,
      clock: machine.time,
      random: machine.random(),
      ...options,
    })
  }

  /** The process is killed, and the server notices at once. */
  async kill(): Promise<void> {
    this.isDead = true
    for (const session of this.#sessions) await session.release()
    await promisesSettled()
  }

  #keep(session: TableSession | undefined): TableSession | undefined {
    if (session !== undefined) this.#sessions.push(session)
    return session
  }
}

/** Looks for a log to adopt, and once more when a slot that was free has been so for long enough. */
export async function adopt(
  machine: Machine,
  logs: DecisionLogs,
  afterMs = 4_000,
): Promise<DecisionLog | undefined> {
  const first = await logs.adopt()
  await machine.time.advance(afterMs)
  return first ?? (await logs.adopt())
}

/** What became of a record that somebody waits for. */
export interface Forced {
  state: 'waits' | 'durable' | Error
}

export function force(log: DecisionLog, record: LogRecord): Forced {
  const forced: Forced = { state: 'waits' }
  log.append(record, (failure) => {
    if (forced.state !== 'waits') throw new Error('called back twice')
    forced.state = failure ?? 'durable'
  })
  return forced
}

export async function presume(
  log: DecisionLog,
  transaction: TransactionKey,
): Promise<Decision | Error> {
  return await new Promise((resolve) => log.presumeAborted(transaction, resolve))
}

export function key(log: DecisionLog, counter: number): TransactionKey {
  return { epoch: log.epoch, counter }
}

/** When everything is decided: soon after the time begins. */
export const wallMs = 1_700_000_000_001

export function decided(
  transaction: TransactionKey,
  decision: Decision = 'committed',
): RecordOf<'decided'> {
  const branches = [{ branch: 1, resource: 0, evidence: '4711' }]
  return { type: 'decided', transaction, decision, protocol: 'two-phase', wallMs, branches }
}

export const stock: LogRecord = {
  type: 'resource',
  number: 0,
  name: 'stock',
  kind: 'postgres',
  fingerprint: 'pg:1',
}

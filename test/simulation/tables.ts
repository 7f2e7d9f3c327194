/** A simulated database that keeps decisions, and clients of it. */
import assert from 'node:assert/strict'

import type { DecisionRow, TableSession } from '../../src/core/decision-table.ts'
import type { BranchId, InstallationName, LogIdentity, TransactionKey } from '../../src/core/ids.ts'
import { Connection } from '../../src/simulation/database/connection.ts'
import { Database } from '../../src/simulation/database/database.ts'
import { SimulatedDecisionTable } from '../../src/simulation/database/decisions/table.ts'
import type { Request } from '../../src/simulation/database/messages.ts'
import { Machine, Stage } from './stage.ts'

export const identity = '0123456789abc' as LogIdentity
export const installation = 'sim' as InstallationName
export const wanted = { installation, slot: 0, identity }
export const key: TransactionKey = { epoch: 1, counter: 1 }
export const other: TransactionKey = { epoch: 1, counter: 2 }
export const holder = { log: identity, epoch: 1 }
const begin: Request = {
  type: 'begin',
  id: 'assent.sim.0123456789abc.1.1.0' as BranchId,
  lockTimeoutMs: 200,
}
const add: Request = { type: 'add', account: 'a0', amount: 7 }

export function rowOf(transaction: TransactionKey, decision: DecisionRow['decision']): DecisionRow {
  return { log: identity, transaction, decision, record: new Uint8Array([1]) }
}

export const carry: Request = { type: 'commit-with-decision', row: rowOf(key, 'committed') }

export interface TablesOptions {
  readonly seed?: number
  readonly forcedWriteMs?: number
  readonly presumptionWaitMs?: number
  readonly takesSnapshots?: boolean
}

export class Tables extends Stage {
  readonly removed: string[] = []
  readonly client: Machine = new Machine('p0.0')
  readonly database: Database
  readonly #presumptionWaitMs: number

  constructor(options: TablesOptions = {}) {
    const { seed = 1, forcedWriteMs = 5, presumptionWaitMs = 400, takesSnapshots = false } = options
    super(seed)
    this.#presumptionWaitMs = presumptionWaitMs
    const ignore = (): void => undefined
    this.database = new Database({
      name: 'db0',
      scheduler: this.scheduler,
      random: this.random.fork('db0'),
      trace: this.trace,
      observer: { prepared: ignore, committed: ignore, rolledBack: ignore },
      conditions: {
        forcedWriteMs: [forcedWriteMs, forcedWriteMs],
        conflictChance: 0,
        noVoteChance: 0,
      },
      accounts: ['a0'],
      balance: 100,
      preparedLimit: 10,
      xidDigits: 1,
      decisions: {
        takesSnapshots,
        observer: {
          locked: ignore,
          changing: ignore,
          inserted: ignore,
          removed: ({ transaction }, isOpen) =>
            this.removed.push(`${transaction.counter}${isOpen ? ' too early' : ''}`),
          count: ignore,
        },
      },
    })
  }

  tableOf(client: Machine = this.client): SimulatedDecisionTable {
    return new SimulatedDecisionTable({
      location: 'db0',
      connect: () => new Connection(this.network, client, this.database),
      lockTimeoutMs: this.#presumptionWaitMs,
      count: () => undefined,
    })
  }

  /** A session that holds the slot, at epoch 1. */
  async held(client?: Machine): Promise<TableSession> {
    const session = await this.answer(this.tableOf(client).lock(wanted))
    assert.ok(session !== undefined, 'the slot is taken')
    await this.answer(session.write({ epoch: 1, isClean: false }))
    return session
  }

  connect(): Connection {
    return new Connection(this.network, this.client, this.database)
  }

  ask(connection: Connection, ...requests: readonly Request[]): Promise<string> {
    const replies = requests.map((request) => connection.request(request))
    const last = replies.at(-1) ?? Promise.reject(new Error('nothing asked'))
    return last.then((reply) => (reply.type === 'refused' ? reply.code : reply.type))
  }

  /** A branch that works, and has been answered. */
  async branch(): Promise<Connection> {
    const connection = this.connect()
    await this.answer(this.ask(connection, begin, add))
    return connection
  }

  async answer<Value>(promise: Promise<Value>): Promise<Value> {
    let settled: Promise<Value> | undefined
    const settle = (): void => {
      settled = promise
    }
    promise.then(settle, settle)
    await this.scheduler.run(this.scheduler.nowMs + 5_000, () => settled !== undefined)
    assert.ok(settled !== undefined, 'nobody answered')
    return await settled
  }

  decisionAt(transaction: TransactionKey): string | undefined {
    return this.database.decisions?.row(identity, transaction)?.decision
  }

  get balance(): number | undefined {
    return this.database.balances.get('a0')
  }

  crash(): void {
    const { life } = this.database
    this.database.crash()
    this.network.breakAll(life)
  }
}

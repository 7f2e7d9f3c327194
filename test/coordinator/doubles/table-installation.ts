/**
 * An installation that keeps its decisions in one of its databases: the production log over a table in
 * memory, and a coordinator in each process that shares it.
 */
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'

import { type Coordinator, createCoordinator } from '../../../src/coordinator/coordinator.ts'
import type { Settings } from '../../../src/coordinator/settings.ts'
import type { DecisionTable, TableSession } from '../../../src/core/decision-table.ts'
import { openTableLogs } from '../../../src/log/participant/open.ts'
import type { Participant } from '../../../src/participants/contract.ts'
import { MemoryTable } from '../../log/participant/memory-table.ts'
import { type FakeClient, FakeDatabase } from './fake-database.ts'
import { Installation, Life } from './installation.ts'
import { promisesSettled } from './manual-time.ts'

export const settings = {
  deliveryTimeoutMs: 500,
  sweepIntervalMs: 1_000,
  orphanIntervalMs: 400,
  adoptIntervalMs: 60_000,
} satisfies Partial<Settings>

type Shop = {
  readonly orders: Participant<FakeClient>
  readonly stock: Participant<FakeClient>
  readonly parcels: Participant<FakeClient>
  readonly mail: Participant<FakeClient>
}

/** A process that runs, or did. */
export interface TableProcess {
  readonly coordinator: Coordinator<Shop>
  readonly life: Life
  /** Its sessions are gone, and the server notices at once. */
  crash(): Promise<void>
}

/** `orders` keeps the decisions, and `mail` can't prepare. */
export class TableInstallation {
  readonly table = new MemoryTable()
  readonly orders = new FakeDatabase('orders', { table: this.table, preparedLimit: 1 })
  readonly stock = new FakeDatabase('stock')
  readonly parcels = new FakeDatabase('parcels')
  readonly mail = new FakeDatabase('mail', { canPrepare: false, canList: false })
  readonly #installation: Installation

  constructor(context: TestContext) {
    this.#installation = new Installation(context)
  }

  get time(): Installation['time'] {
    return this.#installation.time
  }

  get broken(): Installation['broken'] {
    return this.#installation.broken
  }

  async start(): Promise<TableProcess> {
    const life = new Life()
    const sessions: TableSession[] = []
    const ports = this.#installation.portsOf(life)
    const resources: Shop = {
      orders: this.orders.participant(),
      stock: this.stock.participant(),
      parcels: this.parcels.participant(),
      mail: this.mail.participant(),
    }
    const logs = () => {
      const table = resources.orders.decisionTable?.({ create: false })
      assert.ok(table)
      const { clock, timers, backgroundTimers, random } = ports
      return openTableLogs({
        table: keeping(sessions, table),
        resource: 'orders',
        installation: 'shop',
        ...{ clock, timers, backgroundTimers, random },
      })
    }
    const coordinator = await createCoordinator<Shop>(
      { ...ports, logs },
      { ...settings, resources },
    )
    await promisesSettled()
    const crash = async (): Promise<void> => {
      life.isDead = true
      for (const session of sessions) await session.release()
      await promisesSettled()
    }
    return { coordinator, life, crash }
  }
}

/** The sessions of one process, which die with it. */
function keeping(sessions: TableSession[], table: DecisionTable): DecisionTable {
  return {
    location: table.location,
    prepare: () => table.prepare(),
    logs: (installation) => table.logs(installation),
    presumeAborted: (holder, transaction) => table.presumeAborted(holder, transaction),
    lock: async (request) => {
      const session = await table.lock(request)
      if (session !== undefined) sessions.push(session)
      return session
    },
  }
}

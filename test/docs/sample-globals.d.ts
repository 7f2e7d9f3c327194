/** What the samples of the documents take for granted: a shop, and functions of its own. */
import type {
  Coordinator,
  custom as customParticipant,
  isAssentError as isError,
  openCoordinator as open,
  Participant,
  PlatformSignal,
  Transaction,
} from 'assent'
import type { postgres as postgresParticipant } from 'assent/postgres'
import type pgModule from 'pg'
import type { Pool, PoolClient } from 'pg'

import type { Clock, Disk, Random, Timers } from '../../src/core/ports.ts'

type Database = Participant<PoolClient, PgResult>
type Shop = { readonly orders: Database; readonly stock: Database }

declare global {
  const coordinator: Coordinator<Shop>
  const openCoordinator: typeof open
  const postgres: typeof postgresParticipant
  const mysql: typeof mysqlParticipant
  const mysql2: typeof mysql2Module
  const custom: typeof customParticipant
  const isAssentError: typeof isError
  const pg: typeof pgModule
  const ordersPool: Pool
  const stockPool: Pool
  const tx: Transaction
  const signal: PlatformSignal
  const sku: string
  const server: { close(): Promise<void> }
  const work: (clients: object) => Promise<void>
  const tryAgain: () => Promise<void>
  const clock: Clock
  const disk: Disk
  const random: Random
  const timers: Timers
  const ledger: {
    reserve(id: string): Promise<boolean>
    confirm(id: string): Promise<void>
    cancel(id: string): Promise<void>
  }
  const openDraft: (id: string) => { readonly draft: string }
  const reserve: (id: string) => Promise<'reserved' | 'refused'>
  const confirm: (id: string) => Promise<void>
  const cancel: (id: string) => Promise<void>
  const listReserved: () => Promise<string[]>
}

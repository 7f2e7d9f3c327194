/** Opens a worker's store, of whatever kind. */
import type { StoreKind } from '../../stores/store.ts'
import { mariadbWorkerStore } from './mariadb.ts'
import { postgresWorkerStore } from './postgres.ts'
import type { WorkerStore, WorkerStoreOptions } from './store.ts'

const openers: Readonly<Record<StoreKind, (options: WorkerStoreOptions) => WorkerStore>> = {
  postgres: postgresWorkerStore,
  mariadb: mariadbWorkerStore,
}

export function openWorkerStore(kind: StoreKind, options: WorkerStoreOptions): WorkerStore {
  return openers[kind](options)
}

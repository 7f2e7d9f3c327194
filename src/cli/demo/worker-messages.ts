/** What the demo and its worker process tell each other. */
import type { Forms } from './bank.ts'
import type { DatabaseUrl } from './database-url.ts'
import type { KeptDecisions } from './kept-decisions.ts'
import type { Side } from './plan.ts'

/** The first message to a worker. */
export interface WorkerOrders {
  /** The name of the installation. */
  readonly name: string
  readonly decisions: KeptDecisions
  readonly databases: Readonly<Record<Side, DatabaseUrl>>
  /** What the bank is called in both. */
  readonly bank: string
  /** How the worker's sessions are called, where a server is told. */
  readonly applicationName: string
  readonly concurrency: number
  readonly forms: Forms
  readonly seed: number
  /** Counts the workers of a run: transfers of each have ids of their own. */
  readonly incarnation: number
}

export type ToWorker =
  | { readonly type: 'orders'; readonly orders: WorkerOrders }
  /** Begin no more transfers. */
  | { readonly type: 'finish' }
  /** Close the coordinator and end. */
  | { readonly type: 'close' }

export type FromWorker =
  /** The log is recovered, and transfers begin. */
  | { readonly type: 'ready' }
  /** A session that the server knows by this number. */
  | { readonly type: 'session'; readonly side: Side; readonly number: number }
  /** No transfer is under way any more. */
  | { readonly type: 'finished' }
  | { readonly type: 'closed'; readonly undelivered: number; readonly held: number }
  /** Something happened that must not. */
  | { readonly type: 'problem'; readonly text: string }

/**
 * What the simulation asks of the platform that it runs on. None of it knows the time, the disk or
 * the network: a run depends on its seed alone.
 */
import type { Context, SignalSource } from '../core/ports.ts'
import type { Quiesce } from './scheduler.ts'

export interface Host {
  readonly quiesce: Quiesce
  /** A context of asynchronous calls, as `src/node` makes one. */
  readonly context: <Value>() => Context<Value>
  readonly signals: SignalSource
  /** Calls `report` with each rejection that nobody handles, until the answer is called. */
  readonly watchRejections: (report: (reason: unknown) => void) => () => Promise<void>
}

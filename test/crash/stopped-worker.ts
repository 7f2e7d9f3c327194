/** Workers that are stopped at a moment of a transaction, for what is done to them and to databases. */
import type { CrashSuite, Place, WorkerOptions } from './crash-suite.ts'
import type { Side, Told, TransferKind, Trigger } from './worker/settings.ts'
import type { WorkerProcess } from './worker-process.ts'

export const decided: Trigger = { on: 'event', channel: 'transaction', state: 'committing' }
export const deciding: Trigger = {
  on: 'event',
  channel: 'transaction',
  state: 'recording-decision',
}

export interface Stopped {
  readonly place: Place
  readonly worker: WorkerProcess
  readonly subject: string
  readonly told: Promise<Told>
}

/** A worker that stands still at a moment of a transaction. */
export async function stopAt(
  suite: CrashSuite,
  trigger: Trigger,
  options: WorkerOptions = {},
  kind: TransferKind = 'transfer',
): Promise<Stopped> {
  const place = await suite.place()
  const crash = { trigger, signal: 'SIGSTOP', armed: 'for the subject' } as const
  const worker = await place.spawn({ ...options, crash }).untilReady()
  const told = worker.ask({ ask: 'transfer', kind })
  const subject = await worker.untilStopped()
  return { place, worker, subject, told }
}

export async function restart(suite: CrashSuite, ...failed: readonly Side[]): Promise<void> {
  const servers = await Promise.all(failed.map((side) => suite.server(side)))
  await Promise.all(servers.map((server) => server.restart()))
}

/** Everything is recovered, and the books are right. */
export async function checkEnd(place: Place, worker: WorkerProcess): Promise<void> {
  await worker.ask({ ask: 'rest' })
  await place.untilRecovered(worker)
  await place.audit(worker)
}

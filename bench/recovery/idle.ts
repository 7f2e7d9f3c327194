/** The backlog at two participants that do nothing: what recovery itself costs. */
import type { BranchId } from '../../src/core/ids.ts'
import { openCoordinator } from '../../src/index.ts'
import type { Participant } from '../../src/participants/contract.ts'
import { idleParticipant } from '../idle-participant.ts'
import { type Backlog, isLeft, leaveBacklog } from './backlog.ts'
import type { Restart } from './restarts.ts'
import { stopwatch, until } from './waiting.ts'

export interface IdleInDoubt {
  /** Of its log. */
  readonly directory: string
  readonly transactions: number
  readonly orphanIntervalMs: number
}

export async function recoverIdle({
  directory,
  transactions,
  orphanIntervalMs,
}: IdleInDoubt): Promise<Restart> {
  const backlog = await leaveBacklog(directory, transactions, [
    { name: 'left', kind: 'idle', fingerprint: 'idle:left' },
    { name: 'right', kind: 'idle', fingerprint: 'idle:right' },
  ])
  const watch = stopwatch()
  const coordinator = await openCoordinator({
    name: 'bench',
    log: directory,
    controlSocket: false,
    orphanIntervalMs,
    resources: { left: holder('left', backlog), right: holder('right', backlog) },
  })
  try {
    await until(() => backlog.decided.size === 0)
    const deliveredSeconds = watch.seconds()
    await until(() => backlog.undecided.size === 0)
    return { deliveredSeconds, allSeconds: watch.seconds(), cpuSeconds: watch.cpuSeconds() }
  } finally {
    await coordinator.close()
  }
}

/** A participant that holds the prepared branches of the backlog, until it is told. */
function holder(name: 'left' | 'right', { decided, undecided }: Backlog): Participant {
  const isHere = (id: BranchId): boolean => isLeft(id) === (name === 'left')
  const listed = (): { id: BranchId; preparedAtMs: undefined }[] =>
    [...decided, ...undecided].filter(isHere).map((id) => ({ id, preparedAtMs: undefined }))
  return {
    ...idleParticipant(name, listed),
    recover: ({ id }) => ({
      commit: () => end(decided, id),
      rollback: () => end(undecided, id),
    }),
  }
}

async function end(held: Set<BranchId>, id: BranchId): Promise<{ readonly result: 'done' }> {
  if (!held.delete(id)) throw new Error(`${id} was told twice, or the wrong decision`)
  return { result: 'done' }
}

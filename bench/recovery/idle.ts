/** The backlog at two participants that do nothing: what recovery itself costs. */
import { join } from 'node:path'
import type { BranchId } from '../../src/core/ids.ts'
import { openCoordinator } from '../../src/index.ts'
import type { Participant } from '../../src/participants/contract.ts'
import { rounded } from '../figures.ts'
import { idleParticipant } from '../idle-participant.ts'
import type { Figures, Report } from '../report.ts'
import { type Backlog, isLeft, leaveBacklog } from './backlog.ts'
import { stopwatch, until } from './waiting.ts'

export interface IdleInDoubt {
  readonly directory: string
  readonly transactions: number
  readonly orphanIntervalMs: number
}

export async function recoverIdle(
  { directory: parent, transactions, orphanIntervalMs }: IdleInDoubt,
  report: Report,
): Promise<Figures> {
  const directory = join(parent, 'idle-log')
  report.progress(`leaving ${transactions} prepared transactions behind`)
  const backlog = await leaveBacklog(directory, transactions, [
    { name: 'left', kind: 'idle', fingerprint: 'idle:left' },
    { name: 'right', kind: 'idle', fingerprint: 'idle:right' },
  ])
  const decided = backlog.decided.size / 2
  const cpu = process.cpuUsage()
  const elapsed = stopwatch()
  const coordinator = await openCoordinator({
    name: 'bench',
    log: directory,
    controlSocket: false,
    orphanIntervalMs,
    resources: { left: holder('left', backlog), right: holder('right', backlog) },
  })
  try {
    report.progress('delivering decisions')
    await until(() => backlog.decided.size === 0)
    const deliveredSeconds = rounded(elapsed())
    report.progress('rolling back what was never decided')
    await until(() => backlog.undecided.size === 0)
    const allSeconds = rounded(elapsed())
    const { user, system } = process.cpuUsage(cpu)
    const cpuSeconds = rounded((user + system) / 1e6)
    report.line(`${transactions} transactions, ${decided} of them decided, at idle participants:`)
    report.line(`  every decision was delivered after ${deliveredSeconds} s`)
    report.line(`  every orphan was rolled back after ${allSeconds} s; CPU ${cpuSeconds} s`)
    return { transactions, decided, deliveredSeconds, allSeconds, cpuSeconds }
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

/** A log as a process leaves it that is killed with many transactions prepared. */
import {
  type BranchId,
  formatBranchId,
  formatTransactionId,
  type TransactionKey,
} from '../../src/core/ids.ts'
import type { LogRecord, RecordOf } from '../../src/log/contract.ts'
import { openFileLogs } from '../../src/log/file/open.ts'
import { nodeClock } from '../../src/node/clock.ts'
import { nodeDisk } from '../../src/node/disk.ts'
import { nodeRandom } from '../../src/node/random.ts'
import { backgroundTimers } from '../../src/node/timers.ts'

/** Prepared branches, two of each transaction: `left` has the number 0, `right` the number 1. */
export interface Backlog {
  readonly decided: Set<BranchId>
  readonly undecided: Set<BranchId>
}

/** How the log knows the two resources. */
export type Known = Pick<RecordOf<'resource'>, 'name' | 'kind' | 'fingerprint'>

/** Writes the log; every second transaction is decided and undelivered, the others left no record. */
export async function leaveBacklog(
  directory: string,
  transactions: number,
  resources: readonly [Known, Known],
): Promise<Backlog> {
  const ports = { disk: nodeDisk(), clock: nodeClock(), random: nodeRandom() }
  const timers = backgroundTimers()
  const logs = openFileLogs({ ...ports, timers, directory, installation: 'bench' })
  const log = await logs.open()
  const backlog: Backlog = { decided: new Set(), undecided: new Set() }
  for (const [number, known] of resources.entries()) {
    log.append({ type: 'resource', number, ...known })
  }
  for (let counter = 1; counter <= transactions; counter += 1) {
    const key = { epoch: log.epoch, counter }
    const { installation, identity } = log
    const id = formatTransactionId({ installation, log: identity, ...key })
    const isDecided = counter % 2 === 0
    const ids = isDecided ? backlog.decided : backlog.undecided
    for (const number of resources.keys()) ids.add(formatBranchId(id, number))
    if (isDecided) log.append(decision(key))
  }
  await log.close({ clean: false })
  return backlog
}

/** Whether a branch is the left one's. */
export function isLeft(id: BranchId): boolean {
  return id.endsWith('.0')
}

function decision(transaction: TransactionKey): LogRecord {
  return {
    type: 'decided',
    transaction,
    decision: 'committed',
    protocol: 'two-phase',
    wallMs: Date.now(),
    branches: [0, 1].map((number) => ({ branch: number, resource: number, evidence: undefined })),
  }
}

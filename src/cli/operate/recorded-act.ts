/**
 * An operator's act on a log that nobody holds: it is recorded, and the next process that opens the
 * log carries it out.
 *
 * Keeps A2 and A8: the log is opened as any process opens it, under its lock and with a new epoch,
 * looked at again, and given up as having work left. Nothing here decides or delivers.
 */
import type { LogIdentity, TransactionKey } from '../../core/ids.ts'
import type { DecisionLog, LogRecord, UnfinishedTransaction } from '../../log/contract.ts'
import { openFileLogs } from '../../log/file/open.ts'
import { nodeClock } from '../../node/clock.ts'
import { nodeDisk } from '../../node/disk.ts'
import { nodeRandom } from '../../node/random.ts'
import { nodeTimers } from '../../node/timers.ts'
import { CommandFailure } from '../failures.ts'
import type { Installation } from './installation.ts'

/** Answers the record to append, or throws, for the transaction as it is under the lock. */
export type Act = (found: UnfinishedTransaction | undefined, wallMs: number) => LogRecord

export async function recordAct(
  installation: Installation,
  identity: LogIdentity,
  transaction: TransactionKey,
  act: Act,
): Promise<void> {
  const clock = nodeClock()
  const opened: DecisionLog[] = []
  try {
    const log = await openLog(installation, identity, opened)
    const found = log.unfinished().find((each) => isSame(each.transaction, transaction))
    await append(log, act(found, clock.wallMs()))
  } finally {
    for (const log of opened) await log.close({ clean: false })
  }
}

async function openLog(
  { directory, name }: Installation,
  identity: LogIdentity,
  opened: DecisionLog[],
): Promise<DecisionLog> {
  const logs = openFileLogs({
    disk: nodeDisk(),
    timers: nodeTimers(),
    clock: nodeClock(),
    random: nodeRandom(),
    directory,
    installation: name,
    // How long outcomes are kept is the application's to say: nothing is dropped here.
    retention: { ms: Number.POSITIVE_INFINITY, bytes: Number.POSITIVE_INFINITY },
  })
  for (;;) {
    const log = await logs.adopt()
    if (log === undefined) {
      throw new CommandFailure('a process has just opened this log; run the command again')
    }
    opened.push(log)
    if (log.identity === identity) return log
  }
}

function append(log: DecisionLog, record: LogRecord): Promise<void> {
  return new Promise((resolve, reject) => {
    log.append(record, (failure) => (failure === undefined ? resolve() : reject(failure)))
  })
}

function isSame(one: TransactionKey, other: TransactionKey): boolean {
  return one.epoch === other.epoch && one.counter === other.counter
}

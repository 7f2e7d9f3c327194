/**
 * Reads the logs of a directory for people, while they may be in use, and changes nothing.
 *
 * Keeps A7 and A10: every slot is shown, and one that can't be read is shown with the reason, so
 * that it hides neither itself nor the others. What a live process is just writing is left out: it
 * is not durable yet (A3).
 */
import { AssentError, codeOf } from '../../core/errors.ts'
import type { InstallationName, LogIdentity, TransactionKey } from '../../core/ids.ts'
import { type Disk, joinPath } from '../../core/ports.ts'
import type { RecordOf, RetainedOutcome, UnfinishedTransaction } from '../contract.ts'
import type { OperatorAct } from '../records.ts'
import { ignoreFailure } from './durable-file.ts'
import { openFailed } from './failures.ts'
import { slotDirectory, slotLockName } from './layout.ts'
import { readMarker } from './marker.ts'
import {
  listFiles,
  listSlots,
  readSlot,
  type SlotContents,
  type SlotName,
} from './slot-contents.ts'

/** A live process makes and removes files while they are read: a second look then agrees. */
const attemptsMax = 5

export interface FileLogsReading {
  readonly installation: InstallationName
  readonly slots: readonly SlotReading[]
}

export interface SlotReading {
  readonly slot: number
  readonly location: string
  /** Whether a live process holds it; undefined where the lock can't be tried. */
  readonly isHeld: boolean | undefined
  /** Why it can't be read. */
  readonly problem: AssentError | undefined
  /** Undefined when it can't be read, or was never used. */
  readonly log: LogReading | undefined
}

export interface LogReading {
  readonly identity: LogIdentity
  readonly epoch: number
  /** How it was given up; undefined while it is in use, and when its process died. */
  readonly closed: 'clean' | 'with-work-left' | undefined
  readonly unfinished: readonly UnfinishedTransaction[]
  readonly resources: readonly RecordOf<'resource'>[]
  /** What operators did, oldest first. */
  readonly acts: readonly OperatorAct[]
  readonly retainedOutcomes: number
  outcome(transaction: TransactionKey): RetainedOutcome
}

/** Undefined where there is no log. Throws ASSENT_LOG_CORRUPT when the marker is damaged. */
export async function readFileLogs(
  disk: Disk,
  directory: string,
): Promise<FileLogsReading | undefined> {
  try {
    const installation = await readMarker(disk, directory)
    if (installation === undefined) return undefined
    const slots: SlotReading[] = []
    for (const slot of await listSlots(disk, directory)) {
      slots.push(
        await readOne(disk, { directory: slotDirectory(directory, slot), slot, installation }),
      )
    }
    return { installation, slots }
  } catch (cause) {
    throw openFailed(directory, cause)
  }
}

async function readOne(disk: Disk, slot: SlotName): Promise<SlotReading> {
  const isHeld = await isLocked(disk, slot.directory)
  const head = { slot: slot.slot, location: slot.directory, isHeld }
  try {
    const contents = await readSteadily(disk, slot)
    return { ...head, problem: undefined, log: contents && readingOf(contents) }
  } catch (cause) {
    const problem = openFailed(slot.directory, cause)
    if (!(problem instanceof AssentError)) throw problem
    return { ...head, problem, log: undefined }
  }
}

/** Tries the lock and gives it back at once. */
async function isLocked(disk: Disk, directory: string): Promise<boolean | undefined> {
  try {
    const lock = await disk.lock(joinPath(directory, slotLockName))
    if (lock === undefined) return true
    await ignoreFailure(lock.release())
    return false
  } catch {
    return undefined
  }
}

async function readSteadily(disk: Disk, slot: SlotName): Promise<SlotContents | undefined> {
  for (let attempt = 1; ; attempt += 1) {
    const files = await listFiles(disk, slot.directory)
    try {
      return await readSlot(disk, slot, files)
    } catch (error) {
      const mayPass = codeOf(error) === 'ENOENT' || codeOf(error) === 'ASSENT_LOG_CORRUPT'
      if (!mayPass || attempt === attemptsMax) throw error
    }
  }
}

function readingOf({ identity, state }: SlotContents): LogReading {
  const { closed } = state
  return {
    identity,
    epoch: state.epoch,
    closed: closed && (closed.clean ? 'clean' : 'with-work-left'),
    unfinished: state.unfinished(),
    resources: state.resources(),
    acts: state.acts(),
    retainedOutcomes: state.keptOutcomes,
    outcome: (transaction) => state.outcome(transaction),
  }
}

/**
 * Opens the log of one slot whose lock is held: reads it, writes its state anew, and hands it over.
 *
 * Keeps A8 (the epoch grows with every opening, and is durable before anyone sees it) and A11 (what
 * was read is not acted on before it was written to new files and synced; the old ones, which may
 * be readable without being durable, are not used again).
 *
 * The crash: until the new checkpoint has its name, the old files say everything; from then on the
 * new one does. Only when that name is durable do the old files go, and the new segment comes.
 */
import { AssentError } from '../../core/errors.ts'
import {
  type InstallationName,
  idLimits,
  type LogIdentity,
  makeLogIdentity,
} from '../../core/ids.ts'
import type { Clock, Disk, DiskLock, Random, Timers } from '../../core/ports.ts'
import { TransactionMap } from '../../core/transaction-map.ts'
import type { DecisionLog } from '../contract.ts'
import type { Retention } from '../kept-outcomes.ts'
import { LogState } from '../state.ts'
import { writeCheckpoint } from './checkpoint.ts'
import { Checkpoints } from './checkpoints.ts'
import { removeTemporaries } from './durable-file.ts'
import { logFailed } from './failures.ts'
import type { ChainPosition, FileHeader } from './file-header.ts'
import { FileLog, noteDurable, type WaitingDecision } from './file-log.ts'
import { GroupCommit } from './group-commit.ts'
import { Inventory } from './inventory.ts'
import { fileNumberMax, type LogFileKind, type LogFileName } from './layout.ts'
import { makeSegment, type Segment, SegmentSupply } from './segment-supply.ts'
import { SegmentWriter } from './segment-writer.ts'
import type { SlotContents } from './slot-contents.ts'

/** What every log of a directory shares. */
export interface FileLogEnvironment {
  readonly disk: Disk
  readonly timers: Timers
  readonly clock: Clock
  readonly random: Random
  readonly installation: InstallationName
  readonly segmentBytes: number
  readonly retention: Retention
}

/** A slot whose lock this process holds, as it was found. */
export interface LockedSlot {
  readonly directory: string
  readonly slot: number
  readonly lock: DiskLock
  readonly files: readonly LogFileName[]
  /** Undefined for a slot that was never used. */
  readonly contents: SlotContents | undefined
}

export async function openSlot(env: FileLogEnvironment, found: LockedSlot): Promise<DecisionLog> {
  const { disk, clock, retention, segmentBytes } = env
  const { directory, files } = found
  const state = found.contents?.state ?? new LogState()
  const position = found.contents?.position ?? { sequence: 0, checksum: 0 }
  const identity = found.contents?.identity ?? makeLogIdentity((bytes) => env.random.fill(bytes))
  const closedCleanly = found.contents === undefined || wasClosedCleanly(state)
  const epoch = state.epoch + 1
  const number = (files.at(-1)?.number ?? 0) + 1
  checkLimits(directory, epoch, number)
  state.apply({ type: 'epoch', epoch, wallMs: clock.wallMs() })
  state.retire(clock.wallMs(), retention)

  const headerOf = headersOf(env, found.slot, identity, epoch)
  await removeTemporaries(disk, directory)
  const inventory = new Inventory(disk, directory)
  for (const file of files) inventory.note(file.kind, file.number, 0)
  const checkpointBytes = await writeCheckpoint(
    disk,
    directory,
    headerOf('checkpoint', number, position),
    state.records(),
  )
  inventory.note('checkpoint', number, checkpointBytes)
  // Before the segment is made: on a full disk this is the room for it.
  await inventory.removeReplaced(number)
  const first = await makeSegment(disk, directory, headerOf('segment', number + 1))
  inventory.note('segment', number + 1, segmentBytes)
  return assemble(env, found, {
    state,
    position,
    identity,
    epoch,
    inventory,
    first,
    headerOf,
    checkpointBytes,
    closedCleanly,
  })
}

type HeaderOf = (kind: LogFileKind, number: number, follows?: ChainPosition) => FileHeader

/** Makes the headers of this opening's files. */
function headersOf(
  { clock, installation, segmentBytes }: FileLogEnvironment,
  slot: number,
  identity: LogIdentity,
  epoch: number,
): HeaderOf {
  return (kind, number, follows = { sequence: 0, checksum: 0 }) => ({
    kind,
    installation,
    identity,
    slot,
    number,
    epoch,
    wallMs: clock.wallMs(),
    sizeBytes: kind === 'segment' ? segmentBytes : 0,
    follows,
  })
}

interface Opened {
  readonly state: LogState
  readonly position: ChainPosition
  readonly identity: LogIdentity
  readonly epoch: number
  readonly inventory: Inventory
  readonly first: Segment
  readonly headerOf: HeaderOf
  readonly checkpointBytes: number
  readonly closedCleanly: boolean
}

/** Puts the parts of an open log together. */
function assemble(env: FileLogEnvironment, found: LockedSlot, opened: Opened): DecisionLog {
  const { disk, timers, clock, retention, segmentBytes } = env
  const { directory } = found
  const { state, inventory, headerOf } = opened
  const waiting = new TransactionMap<WaitingDecision>()
  const explain = (cause: unknown): Error => logFailed(directory, 'A write', cause)
  const fail = (cause: unknown): void => commits.fail(explain(cause))
  const isStopped = (): boolean => commits.failure !== undefined
  const supply = new SegmentSupply({
    disk,
    directory,
    timers,
    headerOf: (number) => headerOf('segment', number),
    guard: async (number) => {
      await inventory.guard()
      inventory.reserve('segment', number)
    },
    isStopped,
    onMade: ({ number, sizeBytes }) => inventory.note('segment', number, sizeBytes),
    onFailure: fail,
  })
  const checkpoints = new Checkpoints(
    {
      disk,
      directory,
      clock,
      state,
      inventory,
      retention,
      segmentBytes,
      headerOf: (number, follows) => headerOf('checkpoint', number, follows),
      isStopped,
      onFailure: fail,
    },
    opened.checkpointBytes,
  )
  const writer = new SegmentWriter(opened.first, opened.position, supply, (full, last) =>
    checkpoints.segmentFull(full, last),
  )
  const commits = new GroupCommit({
    timers,
    segmentBytes,
    write: (batch) => writer.write(batch),
    onDurable: (records) => noteDurable(state, waiting, records),
    explain,
  })
  return new FileLog(
    {
      installation: env.installation,
      identity: opened.identity,
      epoch: opened.epoch,
      location: directory,
      closedCleanly: opened.closedCleanly,
      wallMs: () => clock.wallMs(),
      state,
      commits,
      writer,
      supply,
      checkpoints,
      inventory,
      lock: found.lock,
    },
    waiting,
  )
}

/** Whether whoever had the log last left nothing of it anywhere. */
export function wasClosedCleanly(state: LogState): boolean {
  return state.closed?.clean === true
}

/** A8: ids have room for so many openings, and for no more. */
function checkLimits(directory: string, epoch: number, number: number): void {
  // A file number is spent on every opening and every segment; two are spent here.
  if (epoch <= idLimits.epoch && number < fileNumberMax) return
  throw new AssentError(
    'ASSENT_LOG_INCOMPATIBLE',
    `${directory} was opened as often as its ids allow. Begin a new directory for the log.`,
    { file: directory },
  )
}

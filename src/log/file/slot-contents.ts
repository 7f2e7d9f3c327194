/**
 * Reads and verifies one slot: its newest checkpoint, and every segment after it.
 *
 * Keeps A10 (nothing is skipped: a missing file, a gap or a batch out of order is refused) and A7
 * (files of another installation or slot are refused). Reading changes nothing on disk, so a refusal
 * leaves the directory as it was found.
 *
 * The crash: an open or a checkpoint may end anywhere. A checkpoint gets its name only when it is
 * synced, and replaces all files up to its number; those are not read again, whatever they hold,
 * because after a failed sync they may hold less than they seemed to (A11).
 */
import { codeOf } from '../../core/errors.ts'
import type { InstallationName, LogIdentity } from '../../core/ids.ts'
import { type Disk, joinPath } from '../../core/ports.ts'
import { LogState } from '../state.ts'
import { type FileBytes, readChain } from './batch-chain.ts'
import { logCorrupt, logIncompatible } from './failures.ts'
import { type ChainPosition, decodeFileHeader, type SealedHeader } from './file-header.ts'
import { isBlank, sectorBytes } from './format.ts'
import { fileName, type LogFileName, parseFileName, parseSlotName } from './layout.ts'
import { judgeTail } from './tail.ts'

/** Which slot of which installation is expected. */
export interface SlotName {
  readonly directory: string
  readonly slot: number
  readonly installation: InstallationName
}

export interface SlotContents {
  readonly identity: LogIdentity
  readonly state: LogState
  /** The last batch that is whole: the next one continues it. */
  readonly position: ChainPosition
}

interface OpenedFile extends FileBytes {
  readonly header: SealedHeader
}

/** Names of the segments and checkpoints of a slot, in the order of their numbers. */
export async function listFiles(disk: Disk, directory: string): Promise<LogFileName[]> {
  const names = await disk.list(directory)
  return names
    .map(parseFileName)
    .filter((name) => name !== undefined)
    .sort((one, other) => one.number - other.number)
}

/** Numbers of the slots that a directory has, rising; none where there is no directory. */
export async function listSlots(disk: Disk, directory: string): Promise<number[]> {
  const slots = (await namesIn(disk, directory))
    .map(parseSlotName)
    .filter((slot) => slot !== undefined)
  return slots.sort((one, other) => one - other)
}

async function namesIn(disk: Disk, directory: string): Promise<readonly string[]> {
  try {
    return await disk.list(directory)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return []
    throw error
  }
}

/** What the files hold; undefined for a slot that was never handed over to anyone. */
export async function readSlot(
  disk: Disk,
  slot: SlotName,
  files: readonly LogFileName[],
): Promise<SlotContents | undefined> {
  const checkpoint = files.findLast(({ kind }) => kind === 'checkpoint')
  if (checkpoint === undefined) {
    const [first] = files
    if (first === undefined) return undefined
    const path = joinPath(slot.directory, first.name)
    throw logCorrupt(path, 0, 'there is no checkpoint before this segment')
  }
  const state = new LogState()
  const base = await openFile(disk, slot, checkpoint)
  readCheckpoint(base, state)
  const segments = segmentsAfter(slot, checkpoint.number, files)
  const position = await readSegments(disk, slot, segments, base.header, state)
  return { identity: base.header.identity as LogIdentity, state, position }
}

/** The segments behind the checkpoint; none may be missing. */
function segmentsAfter(
  slot: SlotName,
  checkpoint: number,
  files: readonly LogFileName[],
): LogFileName[] {
  const segments = files.filter(({ kind, number }) => kind === 'segment' && number > checkpoint)
  segments.forEach(({ number }, index) => {
    const expected = checkpoint + index + 1
    if (number === expected) return
    const missing = joinPath(slot.directory, fileName('segment', expected))
    throw logCorrupt(missing, 0, 'this segment is missing')
  })
  return segments
}

/** One after the other, so that no more than one is in memory. */
async function readSegments(
  disk: Disk,
  slot: SlotName,
  segments: readonly LogFileName[],
  base: SealedHeader,
  state: LogState,
): Promise<ChainPosition> {
  const last = await lastWritten(disk, slot, segments, base)
  let position = base.follows
  for (const [index, name] of segments.slice(0, last + 1).entries()) {
    const segment = await openFile(disk, slot, name, base)
    const end = readChain(segment, position, (record) => state.apply(record))
    if (judgeTail(segment, end) === 'torn' && index < last) {
      throw logCorrupt(segment.file, end.offset, 'a batch is torn, and batches follow it')
    }
    position = end.position
  }
  return position
}

/** A segment is made before it is needed: the log ends in the last one that was written to. */
async function lastWritten(
  disk: Disk,
  slot: SlotName,
  segments: readonly LogFileName[],
  base: SealedHeader,
): Promise<number> {
  for (let index = segments.length - 1; index >= 0; index -= 1) {
    const { bytes } = await openFile(disk, slot, segments[index] as LogFileName, base)
    if (!isBlank(bytes, sectorBytes, bytes.length)) return index
  }
  return -1
}

function readCheckpoint(checkpoint: OpenedFile, state: LogState): void {
  const { file, bytes, header } = checkpoint
  const start = { sequence: 0, checksum: header.checksum }
  const end = readChain(checkpoint, start, (record) => state.apply(record))
  if (!end.isMarkedLast || end.offset !== bytes.length) {
    throw logCorrupt(file, end.offset, 'the checkpoint does not end as it was written')
  }
}

async function openFile(
  disk: Disk,
  slot: SlotName,
  { name, kind, number }: LogFileName,
  base?: SealedHeader,
): Promise<OpenedFile> {
  const file = joinPath(slot.directory, name)
  const bytes = await readWhole(disk, file)
  const header = decodeFileHeader(file, bytes)
  const { installation } = header
  if (installation !== slot.installation) {
    throw logIncompatible(file, `belongs to '${installation}', and not to '${slot.installation}'.`)
  }
  if (header.slot !== slot.slot) {
    const problem = `was copied from slot ${header.slot}: ids would be used twice. Remove the copy.`
    throw logIncompatible(file, problem)
  }
  const isInPlace =
    header.kind === kind &&
    header.number === number &&
    header.identity === (base ?? header).identity &&
    header.epoch === (base ?? header).epoch &&
    (kind === 'checkpoint' || header.sizeBytes === bytes.length)
  if (!isInPlace) throw logCorrupt(file, 0, 'the header belongs to another file')
  return { file, bytes, header, seed: header.checksum }
}

/** The whole of a small or middling file. */
export async function readWhole(disk: Disk, path: string): Promise<Uint8Array> {
  const file = await disk.open(path)
  try {
    return await file.read(0, await file.size())
  } finally {
    await file.close()
  }
}

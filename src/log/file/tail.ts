/**
 * Judges what stands behind the last whole batch of a segment: nothing, a batch that a crash tore,
 * or damage.
 *
 * Keeps A11 and A2: only the one batch whose write was under way may be lost, because nobody was
 * told of it. Whatever can't be that batch was durable once, so the log is refused.
 *
 * The crash: one write at a time is under way, into zeros that were synced before. A power cut
 * leaves any subset of its sectors; a killed process leaves its first bytes. Hence a torn batch
 *
 * - has a whole sector of zeros, or ends in zero: with all sectors and the last byte written, a
 *   checksum that doesn't match is damage;
 * - has a header that verifies, unless the header's own sector is missing, or the write ended in it;
 * - reaches no farther than its header says, and without a header than the longest batch can;
 * - has no other batch behind it: that was written only after this one was synced.
 */
import { type BatchHeader, isWrittenToEnd, readBatchHeader } from './batch.ts'
import type { ChainEnd, FileBytes } from './batch-chain.ts'
import { logCorrupt } from './failures.ts'
import { batchBytesMax, batchHeaderBytes, isBlank, sectorBytes } from './format.ts'

export type Tail = 'blank' | 'torn'

/** Answers what stands behind `end`, or throws ASSENT_LOG_CORRUPT. */
export function judgeTail(file: FileBytes, end: ChainEnd): Tail {
  const { bytes } = file
  if (isBlank(bytes, end.offset, bytes.length)) return 'blank'
  if (end.broken !== undefined) judgeBroken(file, end.offset, end.broken)
  else judgeHeaderless(file, end.offset)
  return 'torn'
}

function judgeBroken(file: FileBytes, offset: number, header: BatchHeader): void {
  const end = offset + header.sizeBytes
  refuseBeyond(file, end)
  if (!isWrittenToEnd(file.bytes, offset, header)) return
  for (let sector = offset; sector < end; sector += sectorBytes) {
    if (isBlank(file.bytes, sector, sector + sectorBytes)) return
  }
  throw logCorrupt(file.file, offset, 'a batch was written whole and does not match its checksum')
}

function judgeHeaderless(file: FileBytes, offset: number): void {
  const { bytes } = file
  if (!isBlank(bytes, offset, offset + sectorBytes)) {
    if (isBlank(bytes, offset + batchHeaderBytes, bytes.length)) return
    throw logCorrupt(file.file, offset, 'the header of a batch is damaged')
  }
  for (let sector = offset; sector < bytes.length; sector += sectorBytes) {
    if (readBatchHeader(bytes, sector, file.seed) === undefined) continue
    throw logCorrupt(file.file, sector, 'a batch stands behind a place where one is missing')
  }
  refuseBeyond(file, offset + batchBytesMax)
}

/** No torn batch reaches beyond `end`. */
function refuseBeyond({ file, bytes }: FileBytes, end: number): void {
  for (let at = end; at < bytes.length; at += 1) {
    if (bytes[at] === 0) continue
    throw logCorrupt(file, at, 'bytes stand where nothing was ever written')
  }
}

/** Counts segments of decision logs that a power cut left with a batch that is not whole. */
import { readBatchHeader, readBatchPayload } from '../log/file/batch.ts'
import { decodeFileHeader } from '../log/file/file-header.ts'
import { isBlank, sectorBytes } from '../log/file/format.ts'
import { parseFileName } from '../log/file/layout.ts'
import type { SimulatedDisk } from './disk.ts'

export function countTornTails(disk: SimulatedDisk): number {
  let torn = 0
  for (const [path, file] of disk.files()) {
    const name = path.slice(path.lastIndexOf('/') + 1)
    if (parseFileName(name)?.kind !== 'segment') continue
    const bytes = file.read(0, file.sizeBytes)
    if (endOfBatches(path, bytes) !== undefined) torn += 1
  }
  return torn
}

/** Where the whole batches end and something else stands; undefined where nothing does. */
function endOfBatches(path: string, bytes: Uint8Array): number | undefined {
  const { checksum } = decodeFileHeader(path, bytes)
  let offset: number = sectorBytes
  for (;;) {
    const header = readBatchHeader(bytes, offset, checksum)
    if (header === undefined || readBatchPayload(bytes, offset, header) === undefined) break
    offset += header.sizeBytes
  }
  return isBlank(bytes, offset, bytes.length) ? undefined : offset
}

/**
 * Writes the state of a log anew, as one file that replaces all files before it.
 *
 * Keeps A10 (everything unfinished is in it) and A11 (what was read may be readable and yet not
 * durable; written and synced here, it can be acted on). It is made beside the log, so commits go on
 * meanwhile; its cost is that of what is alive and kept, whatever number of transactions went by.
 */
import { ByteWriter } from '../../core/codec.ts'
import type { Disk, DiskFile } from '../../core/ports.ts'
import { encodeRecord } from '../record-codec.ts'
import type { StoredRecord } from '../records.ts'
import { BatchBuilder } from './batch.ts'
import { makeDurableFile } from './durable-file.ts'
import {
  type ChainPosition,
  encodeFileHeader,
  type FileHeader,
  headerChecksum,
} from './file-header.ts'
import { sectorBytes } from './format.ts'
import { fileName } from './layout.ts'

/** Records go to disk in pieces of about this size, so that commits are not held up behind one. */
const pieceBytes: number = 128 * 1024

/** Answers the size of the checkpoint in bytes. */
export async function writeCheckpoint(
  disk: Disk,
  directory: string,
  header: FileHeader,
  records: readonly StoredRecord[],
): Promise<number> {
  let sizeBytes = 0
  const name = fileName('checkpoint', header.number)
  const file = await makeDurableFile(disk, directory, name, async (made) => {
    sizeBytes = await writeBatches(made, header, records)
  })
  await file.close()
  return sizeBytes
}

async function writeBatches(
  file: DiskFile,
  header: FileHeader,
  records: readonly StoredRecord[],
): Promise<number> {
  const sector = encodeFileHeader(header)
  const seed = headerChecksum(sector)
  const scratch = new ByteWriter()
  const batch = new BatchBuilder()
  let position: ChainPosition = { sequence: 0, checksum: seed }
  let offset = sectorBytes
  const write = async (isLast: boolean): Promise<void> => {
    const sealed = batch.seal(position, seed, { isLast })
    await file.write(offset, sealed.bytes)
    offset += sealed.bytes.length
    position = sealed.position
    batch.clear()
  }
  await file.write(0, sector)
  for (const record of records) {
    scratch.clear()
    encodeRecord(scratch, record)
    if (batch.records > 0 && batch.sizeWith(scratch.length) > pieceBytes) await write(false)
    batch.add(scratch)
  }
  await write(true)
  return offset
}

/**
 * Gives a copied data directory a system identifier of its own. Copies of one template would all
 * claim to be one database, and a coordinator tells databases apart by exactly that number.
 *
 * It stands in the first eight bytes of `global/pg_control`, which ends in a CRC-32C over all before
 * it, and in the header of the first page of every WAL segment.
 */
import { randomBytes } from 'node:crypto'
import { open, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32c } from '../../core/crc32c.ts'

const identifierInSegment = 24
/** The control data are this long in every version; the rest of the file is zeros. */
const controlLengthMax = 512

export async function renewSystemIdentifier(data: string): Promise<void> {
  // As initdb makes it: the time in the upper half, so that it stays a positive number.
  const identifier = Buffer.alloc(8)
  identifier.writeUInt32LE(randomBytes(4).readUInt32LE(), 0)
  identifier.writeUInt32LE(Math.floor(Date.now() / 1000), 4)

  const control = join(data, 'global', 'pg_control')
  const bytes = await readFile(control)
  const checksumAt = findChecksum(bytes)
  identifier.copy(bytes)
  const checksum = Buffer.alloc(4)
  checksum.writeUInt32LE(crc32c(bytes.subarray(0, checksumAt)))
  await overwrite(control, 0, identifier)
  await overwrite(control, checksumAt, checksum)
  const wal = join(data, 'pg_wal')
  for (const name of await readdir(wal)) {
    if (/^[0-9A-F]{24}$/.test(name)) {
      await overwrite(join(wal, name), identifierInSegment, identifier)
    }
  }
}

/** Where the checksum stands differs between versions; it is where it fits. */
function findChecksum(bytes: Buffer): number {
  for (let at = 8; at < controlLengthMax; at += 4) {
    if (crc32c(bytes.subarray(0, at)) === bytes.readUInt32LE(at)) return at
  }
  throw new Error('pg_control does not read as expected: its checksum was not found')
}

/** In place: the file keeps its owner. */
async function overwrite(path: string, offset: number, bytes: Buffer): Promise<void> {
  const file = await open(path, 'r+')
  try {
    await file.write(bytes, 0, bytes.length, offset)
  } finally {
    await file.close()
  }
}

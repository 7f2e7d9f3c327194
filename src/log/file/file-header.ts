/**
 * The first sector of every file of a log: whose it is, and where it belongs.
 *
 * Keeps A7 (a log of another installation, or copied from another slot, is refused: its ids would
 * be used twice) and A8 (every file carries the epoch that wrote it). The sector is written and
 * synced before the file gets its name, so a header that doesn't verify is damage, never a crash.
 *
 *     0  magic, 8 bytes      8  format version      9  kind      10  the fields      508  CRC-32C
 */
import { ByteReader, ByteWriter, DecodeError } from '../../core/codec.ts'
import { crc32c } from '../../core/crc32c.ts'
import type { InstallationName, LogIdentity } from '../../core/ids.ts'
import { logCorrupt, logIncompatible } from './failures.ts'
import { formatVersion, isBlank, sectorBytes } from './format.ts'
import type { LogFileKind } from './layout.ts'

/** Where a batch stands in the chain: its number, and the checksum that the next one repeats. */
export interface ChainPosition {
  readonly sequence: number
  readonly checksum: number
}

export interface FileHeader {
  readonly kind: LogFileKind | 'marker'
  readonly installation: InstallationName
  /** The log's identity; '' in the marker, which belongs to all slots. */
  readonly identity: LogIdentity | ''
  readonly slot: number
  readonly number: number
  /** The epoch that wrote the file. */
  readonly epoch: number
  readonly wallMs: number
  /** The whole file, which a segment has from its creation on; 0 where it isn't known before. */
  readonly sizeBytes: number
  /** For a checkpoint: the last batch whose records are in it. */
  readonly follows: ChainPosition
}

/** What the checksum of a header seeds: batches of another file don't verify in this one. */
export interface SealedHeader extends FileHeader {
  readonly checksum: number
}

// Not text, and broken by whatever turns line ends: the damage then shows in the first bytes.
const magic: Uint8Array = Uint8Array.of(0xa5, 0x41, 0x53, 0x4e, 0x54, 0x0d, 0x0a, 0x1a)
const kinds = ['marker', 'segment', 'checkpoint'] as const
const checksumOffset: number = sectorBytes - 4

export function encodeFileHeader(header: FileHeader): Uint8Array {
  const writer = new ByteWriter(sectorBytes)
  writer.raw(magic)
  writer.byte(formatVersion)
  writer.byte(kinds.indexOf(header.kind))
  writer.text(header.installation)
  writer.text(header.identity)
  writer.varint(header.slot)
  writer.varint(header.number)
  writer.varint(header.epoch)
  writer.varint(Math.max(0, Math.trunc(header.wallMs)))
  writer.varint(header.sizeBytes)
  writer.varint(header.follows.sequence)
  writer.fixed32(header.follows.checksum)
  writer.raw(new Uint8Array(checksumOffset - writer.length))
  writer.fixed32(crc32c(writer.view()))
  return writer.view().slice()
}

/** Reads the header of `file`. Throws ASSENT_LOG_CORRUPT or ASSENT_LOG_INCOMPATIBLE. */
export function decodeFileHeader(file: string, bytes: Uint8Array): SealedHeader {
  const sector = bytes.subarray(0, sectorBytes)
  if (sector.length < sectorBytes) throw logCorrupt(file, sector.length, 'the header is cut off')
  const checksum = crc32c(sector.subarray(0, checksumOffset))
  // In every version: the magic and the version at the start, the checksum at the end.
  if (headerChecksum(sector) !== checksum) {
    throw logCorrupt(file, 0, 'the checksum of the header does not match')
  }
  if (!magic.every((byte, index) => sector[index] === byte)) {
    throw logCorrupt(file, 0, 'this is no file of a decision log')
  }
  const reader = new ByteReader(sector, magic.length)
  const version = reader.byte()
  if (version > formatVersion) {
    throw logIncompatible(
      file,
      `was written by a newer version of Assent: its format is ${version}, and this version ` +
        `reads formats up to ${formatVersion}.`,
    )
  }
  try {
    return { ...readFields(reader), checksum }
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error
    throw logCorrupt(file, error.offset, error.message)
  }
}

/** The checksum of an encoded header. */
export function headerChecksum(sector: Uint8Array): number {
  return new ByteReader(sector, checksumOffset).fixed32()
}

function readFields(reader: ByteReader): FileHeader {
  const kind = kinds[reader.byte()]
  if (kind === undefined) throw new DecodeError('a file of an unknown kind', reader.offset)
  const header: FileHeader = {
    kind,
    installation: reader.text() as InstallationName,
    identity: reader.text() as LogIdentity | '',
    slot: reader.varint(),
    number: reader.varint(),
    epoch: reader.varint(),
    wallMs: reader.varint(),
    sizeBytes: reader.varint(),
    follows: { sequence: reader.varint(), checksum: reader.fixed32() },
  }
  const rest = reader.raw(checksumOffset - reader.offset)
  if (!isBlank(rest, 0, rest.length)) {
    throw new DecodeError('the header holds more than its fields', reader.offset)
  }
  return header
}

/**
 * Sizes and numbers of the file format. `docs/reference/log-format.md` describes it to the byte.
 *
 * Everything starts at a sector: a disk writes a sector whole or not at all, so a batch that is being
 * written can't harm one that is durable already.
 */

/** Raised by whatever older versions would misread. */
export const formatVersion = 1

export const sectorBytes = 512

/** A batch with its header and padding: no more than this can be torn at once. */
export const batchBytesMax: number = 256 * 1024

/** Bytes of a batch in front of its records. */
export const batchHeaderBytes = 36

export const segmentBytesMin: number = 16 * 1024
export const segmentBytesMax: number = 256 * 1024 * 1024
export const segmentBytesDefault: number = 4 * 1024 * 1024

/** Bytes up to the end of the sector that `bytes` ends in. */
export function toSectors(bytes: number): number {
  return Math.ceil(bytes / sectorBytes) * sectorBytes
}

/** Whether every byte of the range is zero: as a file is before it is written. */
export function isBlank(bytes: Uint8Array, from: number, to: number): boolean {
  for (let at = from; at < to; at += 1) {
    if (bytes[at] !== 0) return false
  }
  return true
}

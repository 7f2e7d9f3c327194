/**
 * CRC-32C (Castagnoli, reflected polynomial 0x82f63b78; RFC 3720 appendix B.4), four bytes a step.
 */
const tables: readonly Uint32Array[] = makeTables()

function makeTables(): readonly Uint32Array[] {
  const made = [0, 1, 2, 3].map(() => new Uint32Array(256))
  const [first, second, third, fourth] = made as [
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
  ]
  for (let byte = 0; byte < 256; byte += 1) {
    let remainder = byte
    for (let bit = 0; bit < 8; bit += 1) {
      remainder = (remainder & 1) === 1 ? (remainder >>> 1) ^ 0x82f63b78 : remainder >>> 1
    }
    first[byte] = remainder >>> 0
  }
  for (let byte = 0; byte < 256; byte += 1) {
    let remainder = first[byte] as number
    for (const table of [second, third, fourth]) {
      remainder = (remainder >>> 8) ^ (first[remainder & 255] as number)
      table[byte] = remainder >>> 0
    }
  }
  return made
}

/**
 * The checksum of `bytes`, an unsigned 32-bit integer. Pass an earlier result as `previous` to go
 * on where that one ended.
 *
 * @example
 * crc32c(new TextEncoder().encode('123456789')) // 0xe3069283
 */
export function crc32c(bytes: Uint8Array, previous = 0): number {
  const [t0, t1, t2, t3] = tables as [Uint32Array, Uint32Array, Uint32Array, Uint32Array]
  const whole = bytes.length - (bytes.length % 4)
  let crc = ~previous
  let at = 0
  for (; at < whole; at += 4) {
    crc ^=
      (bytes[at] as number) |
      ((bytes[at + 1] as number) << 8) |
      ((bytes[at + 2] as number) << 16) |
      ((bytes[at + 3] as number) << 24)
    crc =
      (t3[crc & 255] as number) ^
      (t2[(crc >>> 8) & 255] as number) ^
      (t1[(crc >>> 16) & 255] as number) ^
      (t0[crc >>> 24] as number)
  }
  for (; at < bytes.length; at += 1) {
    crc = (crc >>> 8) ^ (t0[(crc ^ (bytes[at] as number)) & 255] as number)
  }
  return ~crc >>> 0
}

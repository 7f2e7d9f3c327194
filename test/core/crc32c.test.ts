import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { crc32c } from '../../src/core/crc32c.ts'
import { seededRandom } from './seeded-random.ts'

const ascending = Uint8Array.from({ length: 32 }, (_, index) => index)

/** RFC 3720, appendix B.4, whose examples give the four bytes in the order of the wire. */
const vectors: readonly (readonly [string, Uint8Array, number])[] = [
  ['32 bytes of zeros', new Uint8Array(32), 0x8a9136aa],
  ['32 bytes of ones', new Uint8Array(32).fill(0xff), 0x62a8ab43],
  ['32 bytes from 0 up', ascending, 0x46dd794e],
  ['32 bytes from 31 down', ascending.toReversed(), 0x113fdb5c],
  ['an iSCSI read command', iscsiRead(), 0xd9963a56],
]

function iscsiRead(): Uint8Array {
  const bytes = new Uint8Array(48)
  bytes.set([0x01, 0xc0], 0)
  bytes[16] = 0x14
  bytes[22] = 0x04
  bytes[27] = 0x14
  bytes[31] = 0x18
  bytes[32] = 0x28
  bytes[40] = 0x02
  return bytes
}

describe('the checksum of RFC 3720 comes out', () => {
  for (const [name, bytes, expected] of vectors) {
    test(`for ${name}`, () => assert.equal(crc32c(bytes), expected))
  }

  test('for the nine digits that every description of it gives', () => {
    assert.equal(crc32c(new TextEncoder().encode('123456789')), 0xe3069283)
    assert.equal(crc32c(new Uint8Array()), 0)
  })
})

test('a checksum goes on where another ended, at any split', () => {
  const bytes = new Uint8Array(97)
  seededRandom(3).fill(bytes)
  const whole = crc32c(bytes)
  for (let split = 0; split <= bytes.length; split += 1) {
    const first = crc32c(bytes.subarray(0, split))
    assert.equal(crc32c(bytes.subarray(split), first), whole, `split at ${split}`)
  }
})

test('a checksum is the bit-by-bit remainder, whatever the length and the alignment', () => {
  const seed = 11
  const random = seededRandom(seed)
  for (let length = 0; length < 40; length += 1) {
    const memory = new Uint8Array(length + 3)
    random.fill(memory)
    for (let start = 0; start <= 3; start += 1) {
      const bytes = memory.subarray(start, start + length)
      assert.equal(crc32c(bytes), bitByBit(bytes), `seed ${seed}: ${length} from ${start}`)
    }
  }
})

function bitByBit(bytes: Uint8Array): number {
  let remainder = 0xffffffff
  for (const byte of bytes) {
    remainder ^= byte
    for (let bit = 0; bit < 8; bit += 1) {
      remainder = (remainder >>> 1) ^ (remainder & 1 ? 0x82f63b78 : 0)
    }
  }
  return ~remainder >>> 0
}

test('a single flipped bit never goes unseen', () => {
  const bytes = ascending.slice()
  const whole = crc32c(bytes)
  for (let bit = 0; bit < bytes.length * 8; bit += 1) {
    const at = bit >> 3
    const before = bytes[at] ?? 0
    bytes[at] = before ^ (1 << (bit & 7))
    assert.notEqual(crc32c(bytes), whole, `bit ${bit}`)
    bytes[at] = before
  }
})

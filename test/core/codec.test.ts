import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { ByteReader, ByteWriter, DecodeError } from '../../src/core/codec.ts'
import { BrokenInvariant } from '../../src/core/invariant.ts'
import { seededRandom } from './seeded-random.ts'

const integers = [0, 1, 127, 128, 16_383, 16_384, 2 ** 31, 2 ** 32 + 5, Number.MAX_SAFE_INTEGER]
const texts = [
  ...['', 'a', 'läden', '取引', '🏦 bank', '\u0000', 'é'.repeat(127), 'two-phase'],
  ...['x'.repeat(127), 'x'.repeat(128), `${'x'.repeat(126)}é`, 'x'.repeat(5_000)],
]

function bytesOf(write: (writer: ByteWriter) => void, capacityBytes?: number): Uint8Array {
  const writer = new ByteWriter(capacityBytes)
  write(writer)
  return writer.view().slice()
}

describe('what was written is read again', () => {
  test('for unsigned integers, up to the largest that a number holds exactly', () => {
    for (const value of integers) {
      const reader = new ByteReader(bytesOf((writer) => writer.varint(value)))
      assert.equal(reader.varint(), value)
      assert.equal(reader.remaining, 0)
    }
  })

  test('for texts of any script', () => {
    for (const text of texts) {
      const reader = new ByteReader(bytesOf((writer) => writer.text(text), 1))
      assert.equal(reader.text(), text)
      assert.equal(reader.remaining, 0)
    }
  })

  test('for many values one behind the other, whatever their sizes', () => {
    const seed = 99
    const random = seededRandom(seed)
    for (let round = 0; round < 200; round += 1) {
      const values = Array.from({ length: 12 }, () => pick(random.fraction()))
      const bytes = bytesOf((writer) => {
        for (const value of values) {
          if (typeof value === 'string') writer.text(value)
          else writer.varint(value)
        }
      }, 1)
      const reader = new ByteReader(bytes)
      const read = values.map((value) =>
        typeof value === 'string' ? reader.text() : reader.varint(),
      )
      assert.deepEqual(read, values, `seed ${seed}, round ${round}`)
      assert.equal(reader.remaining, 0)
    }
  })

  test('for fixed integers, little-endian, also where one was patched later', () => {
    const writer = new ByteWriter(4)
    writer.fixed32(0)
    writer.text('between')
    writer.fixed32(0x01020304)
    writer.patchFixed32(0, 0xfffffffe)
    const reader = new ByteReader(writer.view())
    assert.equal(reader.fixed32(), 0xfffffffe)
    assert.equal(reader.text(), 'between')
    assert.deepEqual([...reader.raw(4)], [4, 3, 2, 1])
  })

  test('and what another writer holds goes behind it', () => {
    const record = new ByteWriter(1)
    record.text('a record')
    const writer = new ByteWriter(1)
    writer.byte(1)
    writer.append(record)
    writer.append(new ByteWriter())
    writer.append(record)
    const reader = new ByteReader(writer.view(), 1)
    assert.deepEqual([reader.text(), reader.text(), reader.remaining], ['a record', 'a record', 0])
  })

  test('from an offset, and after the writer was used again', () => {
    const writer = new ByteWriter()
    writer.text('gone')
    writer.clear()
    writer.byte(7)
    writer.raw(Uint8Array.of(8, 9))
    assert.equal(writer.length, 3)
    const reader = new ByteReader(writer.view(), 1)
    assert.equal(reader.byte(), 8)
    assert.equal(reader.offset, 2)
  })
})

function pick(fraction: number): number | string {
  const index = Math.floor(fraction * (integers.length + texts.length))
  return integers[index] ?? texts[index - integers.length] ?? 0
}

describe('a reader refuses', () => {
  test('every truncation of what was written, and says where', () => {
    const whole = bytesOf((writer) => {
      writer.varint(2 ** 40)
      writer.text('läden')
      writer.fixed32(5)
    })
    for (let length = 0; length < whole.length; length += 1) {
      const reader = new ByteReader(whole.subarray(0, length))
      assert.throws(
        () => {
          reader.varint()
          reader.text()
          reader.fixed32()
        },
        (error) => error instanceof DecodeError && error.offset <= length,
        `${length} of ${whole.length} bytes`,
      )
    }
  })

  test('an integer of more than 53 bits, however it is spelt', () => {
    const tooLong = [
      [255, 255, 255, 255, 255, 255, 255, 255, 1],
      [128, 128, 128, 128, 128, 128, 128, 16],
      [255, 255, 255, 255, 255, 255, 255, 127],
      new Array(20).fill(128),
    ]
    for (const bytes of tooLong) {
      const reader = new ByteReader(Uint8Array.from(bytes))
      assert.throws(() => reader.varint(), { name: 'DecodeError', offset: 0 }, String(bytes))
    }
  })

  test('a text that is not UTF-8', () => {
    const reader = new ByteReader(Uint8Array.of(2, 0xc3, 0x28))
    assert.throws(() => reader.text(), { name: 'DecodeError', message: 'a text is not UTF-8' })
  })

  test('a length beyond the end, without making room for it', () => {
    const bytes = bytesOf((writer) => writer.varint(Number.MAX_SAFE_INTEGER))
    assert.throws(() => new ByteReader(bytes).text(), { name: 'DecodeError' })
  })
})

test('a writer refuses what is no unsigned integer', () => {
  for (const value of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53]) {
    assert.throws(() => new ByteWriter().varint(value), BrokenInvariant, String(value))
  }
})

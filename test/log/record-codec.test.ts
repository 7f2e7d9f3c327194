import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'

import { ByteReader, ByteWriter, DecodeError } from '../../src/core/codec.ts'
import { idLimits } from '../../src/core/ids.ts'
import { decodeRecord, encodeRecord, UnknownRecordType } from '../../src/log/record-codec.ts'
import { recordLimits, type StoredRecord } from '../../src/log/records.ts'
import { decided, forgotten, heuristic, intent, settled, wallMs } from './records.ts'

const key = { epoch: 3, counter: 51 }
const extremeKey = { epoch: idLimits.epoch, counter: idLimits.counter }
const signature = { by: 'Zoë', reason: 'the bank\u2019s own books', wallMs }

const records: readonly StoredRecord[] = [
  decided(1, 1),
  decided(2, 7, 'aborted', { branches: [], protocol: '' }),
  decided(idLimits.epoch, idLimits.counter, 'committed', {
    branches: [
      {
        branch: idLimits.branch,
        resource: recordLimits.resourceNumber,
        evidence: 'x'.repeat(recordLimits.evidenceBytes),
      },
    ],
  }),
  intent(1, 2),
  settled(1, 2),
  heuristic(1, 2, 'committed'),
  heuristic(1, 2, 'rolled-back', 35),
  heuristic(1, 2, 'hazard'),
  { type: 'resolved', transaction: key, branch: undefined, decision: 'aborted', ...signature },
  { type: 'resolved', transaction: key, branch: 0, decision: 'committed', ...signature },
  forgotten(4, 5),
  {
    type: 'stranger-resolved',
    id: 'x.'.repeat(99),
    resource: 2,
    decision: 'aborted',
    ...signature,
  },
  { type: 'resource', number: 0, name: 'orders', kind: 'postgres', fingerprint: '7/1:16384' },
  { type: 'one-phase', transaction: key },
  { type: 'epoch', epoch: 36, wallMs },
  { type: 'low-water', transaction: extremeKey },
  {
    type: 'outcomes',
    outcome: 'hazard',
    epoch: 3,
    page: 12,
    newestMs: wallMs,
    offsets: Uint16Array.of(0, 1, 500, 65_535),
    bits: undefined,
  },
  {
    type: 'outcomes',
    outcome: 'committed',
    epoch: 3,
    page: 0,
    newestMs: 0,
    offsets: undefined,
    bits: new Uint8Array(8192).fill(0xa7),
  },
  { type: 'closed', clean: true, wallMs },
  { type: 'closed', clean: false, wallMs },
  {
    type: 'audit',
    act: { type: 'resolved', transaction: key, branch: 2, decision: 'aborted', ...signature },
  },
  { type: 'audit', act: forgotten(1, 1) },
]

function encoded(record: StoredRecord): Uint8Array {
  const writer = new ByteWriter()
  encodeRecord(writer, record)
  return writer.view().slice()
}

for (const record of records) {
  test(`a record '${record.type}' reads as it was written (${encoded(record).length} bytes)`, () => {
    const reader = new ByteReader(encoded(record))
    assert.deepEqual(decodeRecord(reader), record)
    assert.equal(reader.remaining, 0)
  })
}

test('the type numbers are those of the format page', () => {
  const page = readFileSync(new URL('../../docs/reference/log-format.md', import.meta.url), 'utf8')
  const documented = new Map(
    [...page.matchAll(/^\| (\d+) \| ([a-z-]+) \|/gm)].map(([, number, type]) => [
      type,
      Number(number),
    ]),
  )
  const written = new Map(records.map((record) => [record.type, encoded(record)[0]]))
  assert.deepEqual([...documented].sort(), [...written].sort())
  assert.equal(written.size, 14)
})

test('a record that is cut off anywhere is refused', () => {
  let cuts = 0
  for (const record of records) {
    const bytes = encoded(record)
    for (let length = 0; length < Math.min(bytes.length, 400); length += 1) {
      assert.throws(() => decodeRecord(new ByteReader(bytes.slice(0, length))), DecodeError)
      cuts += 1
    }
  }
  assert.ok(cuts > 500)
})

test('a record with any byte changed decodes within its limits, or is refused as such', () => {
  let refused = 0
  for (const record of records) {
    const bytes = encoded(record)
    for (let index = 0; index < Math.min(bytes.length, 300); index += 1) {
      for (const flip of [0x01, 0x80, 0xff]) {
        const changed = bytes.slice()
        changed[index] = (changed[index] ?? 0) ^ flip
        try {
          decodeRecord(new ByteReader(changed))
        } catch (error) {
          refused += 1
          assert.ok(error instanceof DecodeError || error instanceof UnknownRecordType, `${error}`)
        }
      }
    }
  }
  assert.ok(refused > 100)
})

test('an unknown type is told apart from damage', () => {
  assert.throws(() => decodeRecord(new ByteReader(Uint8Array.of(99, 1, 1))), UnknownRecordType)
})

test('long texts for people are cut, and never in the middle of a character', () => {
  for (const detail of ['é'.repeat(5000), '🏦'.repeat(3000), `a${'🏦'.repeat(3000)}`]) {
    const bytes = encoded({ ...heuristic(1, 1), detail })
    const read = decodeRecord(new ByteReader(bytes))
    assert.ok(read.type === 'heuristic')
    assert.ok(read.detail.length <= recordLimits.detailCharacters)
    assert.ok(read.detail.endsWith('…'))
    assert.ok(detail.startsWith(read.detail.slice(0, -1)))
    assert.ok(!read.detail.includes('\ufffd'))
  }
})

test('texts that the engine depends on are refused beyond their limit, never cut', () => {
  const evidence = 'x'.repeat(recordLimits.evidenceBytes + 2)
  const branches = [{ branch: 0, resource: 1, evidence }]
  assert.throws(() => encoded(decided(1, 1, 'committed', { branches })), /a text too long/)
  const epoch = idLimits.epoch + 1
  assert.throws(() => encoded(decided(epoch, 1)), /a number above/)
})

test('a clock with fractions, or before 1970, still writes a record', () => {
  const record = decided(1, 1, 'committed', { wallMs: 1234.9 })
  assert.deepEqual(decodeRecord(new ByteReader(encoded(record))), { ...record, wallMs: 1234 })
  const early = decided(1, 1, 'committed', { wallMs: -5 })
  assert.deepEqual(decodeRecord(new ByteReader(encoded(early))), { ...early, wallMs: 0 })
})

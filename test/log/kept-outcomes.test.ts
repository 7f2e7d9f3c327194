import assert from 'node:assert/strict'
import { test } from 'node:test'

import { ByteReader, ByteWriter } from '../../src/core/codec.ts'
import { KeptOutcomes } from '../../src/log/kept-outcomes.ts'
import { OutcomePage } from '../../src/log/outcome-page.ts'
import { decodeRecord, encodeRecord } from '../../src/log/record-codec.ts'
import type { OutcomesRecord } from '../../src/log/records.ts'
import { SeededRandom } from '../../src/simulation/random.ts'
import { wallMs } from './records.ts'

const hourMs = 3_600_000
const unlimited = { ageMs: Number.POSITIVE_INFINITY, bytes: Number.POSITIVE_INFINITY }

function reread(record: OutcomesRecord): OutcomesRecord {
  const writer = new ByteWriter()
  encodeRecord(writer, record)
  return decodeRecord(new ByteReader(writer.view())) as OutcomesRecord
}

test('a page agrees with a set, sparse or dense, in any order, through a checkpoint', () => {
  const random = new SeededRandom(7)
  for (const count of [0, 1, 9, 4095, 4096, 4097, 20_000]) {
    const expected = new Set<number>()
    const page = new OutcomePage('committed', 1, 2)
    for (let index = 0; index < count; index += 1) {
      const counter = 2 * 65_536 + Math.floor(random.fraction() * 65_536)
      expected.add(counter)
      page.add(counter, wallMs + index)
    }
    const again = OutcomePage.from(reread(page.record()))
    for (const each of [page, again]) {
      assert.equal(each.count, expected.size)
      assert.equal(each.newestMs, count === 0 ? 0 : wallMs + count - 1)
      if (count > 0) assert.equal(each.highest, Math.max(...expected))
      for (let probe = 0; probe < 65_536; probe += 1) {
        const counter = 2 * 65_536 + probe
        if (each.has(counter) !== expected.has(counter)) assert.fail(`differs at ${counter}`)
      }
    }
  }
})

test('a record of a page does not change when the page does', () => {
  for (const count of [10, 5000]) {
    const page = new OutcomePage('committed', 1, 0)
    for (let counter = 0; counter < count; counter += 1) page.add(counter * 2, wallMs)
    const before = page.record()
    const copy = reread(before)
    page.add(3, wallMs)
    page.add(60_001, wallMs)
    assert.deepEqual(before, copy)
    assert.equal(page.count, count + 2)
  }
})

test('a million outcomes in a row take a few bits each', () => {
  const kept = new KeptOutcomes()
  for (let counter = 1; counter <= 1_000_000; counter += 1) {
    kept.add('committed', { epoch: 1, counter }, wallMs)
  }
  const writer = new ByteWriter()
  for (const record of kept.records()) encodeRecord(writer, record)
  assert.equal(kept.count, 1_000_000)
  assert.ok(writer.length < 140_000, `${writer.length} bytes`)
})

test('what went astray outweighs the decision', () => {
  const kept = new KeptOutcomes()
  const key = { epoch: 1, counter: 5 }
  kept.add('committed', key, wallMs)
  assert.equal(kept.find(key), 'committed')
  kept.add('hazard', key, wallMs)
  assert.equal(kept.find(key), 'hazard')
  kept.add('mixed', key, wallMs)
  assert.equal(kept.find(key), 'mixed')
  assert.equal(kept.find({ epoch: 1, counter: 6 }), undefined)
  assert.equal(kept.find({ epoch: 2, counter: 5 }), undefined)
})

test('pages go by age, and the highest id that went is answered', () => {
  const kept = new KeptOutcomes()
  kept.add('committed', { epoch: 1, counter: 9 }, wallMs)
  kept.add('aborted', { epoch: 1, counter: 70_000 }, wallMs + hourMs)
  kept.add('committed', { epoch: 2, counter: 1 }, wallMs + 30 * hourMs)
  const retention = { ...unlimited, ageMs: 24 * hourMs }
  assert.equal(kept.drop(wallMs + hourMs, retention), undefined)
  assert.deepEqual(kept.drop(wallMs + 26 * hourMs, retention), { epoch: 1, counter: 70_000 })
  assert.equal(kept.count, 1)
  assert.equal(kept.find({ epoch: 2, counter: 1 }), 'committed')
})

test('pages go by bytes, oldest first, until the rest fits', () => {
  const kept = new KeptOutcomes()
  for (let page = 0; page < 100; page += 1) {
    kept.add('committed', { epoch: 1, counter: page * 65_536 + 5 }, wallMs + page)
  }
  const dropped = kept.drop(wallMs, { ...unlimited, bytes: 2_000 })
  assert.ok(dropped !== undefined && kept.count > 0 && kept.count < 20, `${kept.count} left`)
  assert.equal(dropped.counter, (99 - kept.count) * 65_536 + 5)
})

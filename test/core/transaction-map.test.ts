import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

import { TransactionMap } from '../../src/core/transaction-map.ts'
import { seededRandom } from './seeded-random.ts'

test('a transaction map holds what a map by text would, and lists it by key', () => {
  const random = seededRandom(7)
  const map = new TransactionMap<number>()
  const model = new Map<string, number>()
  const whole = (below: number): number => Math.floor(random.fraction() * below)
  for (let round = 0; round < 5_000; round += 1) {
    // Few keys, so that many meet in one bucket and come again; the widest are beyond 32 bits.
    const key = { epoch: 1 + whole(3), counter: whole(200) * (whole(2) === 0 ? 1 : 2 ** 33) }
    const text = `${key.epoch}.${key.counter}`
    if (whole(3) === 0) {
      map.delete(key)
      model.delete(text)
    } else {
      map.set(key, round)
      model.set(text, round)
    }
    assert.equal(map.get(key), model.get(text))
    assert.equal(map.size, model.size)
  }
  assert.ok(map.size > 64, 'it has grown')
  const sorted = [...model].map(([text, value]) => [...text.split('.').map(Number), value] as const)
  sorted.sort(([epoch = 0, counter = 0], [other = 0, than = 0]) => epoch - other || counter - than)
  assert.deepEqual(
    map.values(),
    sorted.map((each) => each[2]),
  )
  const [first = -1] = map.values()
  assert.equal(
    map.some((value) => value === first),
    true,
  )
  assert.equal(
    map.some((value) => value < 0),
    false,
  )
})

test('an empty transaction map has nothing', () => {
  const map = new TransactionMap<string>()
  assert.equal(map.get({ epoch: 1, counter: 1 }), undefined)
  map.delete({ epoch: 1, counter: 1 })
  assert.deepEqual([map.size, map.values(), map.some(() => true)], [0, [], false])
})

type Collect = (options?: { readonly type: 'minor' }) => void

/** Bytes by which the heap has grown after entries came and went, collected as a busy program's is. */
function growthOf(churn: { set(counter: number): void; delete(counter: number): void }): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as Collect
  const live = 400
  let counter = 0
  const replace = (count: number): void => {
    for (let index = 0; index < count; index += 1) {
      counter += 1
      churn.set(counter)
      if (counter > live) churn.delete(counter - live)
    }
  }
  replace(2_000)
  collect() // from here on, what there is now is old
  const before = process.memoryUsage().heapUsed
  for (let round = 0; round < 20; round += 1) {
    replace(1_000)
    collect({ type: 'minor' })
  }
  return process.memoryUsage().heapUsed - before
}

const payload = (): number[] => Array.from({ length: 100 }, (_, index) => index)

test('what has gone from a transaction map is not kept until the next full collection', () => {
  const map = new TransactionMap<number[]>()
  const growth = growthOf({
    set: (counter) => map.set({ epoch: 1, counter }, payload()),
    delete: (counter) => map.delete({ epoch: 1, counter }),
  })
  const plain = new Map<number, number[]>()
  const growthOfPlain = growthOf({
    set: (counter) => plain.set(counter, payload()),
    delete: (counter) => plain.delete(counter),
  })
  // Should V8 mend its own, this fails, and our map can go.
  assert.ok(growthOfPlain > 4e6, `a plain Map grows by ${growthOfPlain} bytes`)
  assert.ok(growth < 1e6, `ours grows by ${growth} bytes, a plain Map by ${growthOfPlain}`)
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

import { appended } from '../../src/core/appended.ts'

test('the longer list is a new one', () => {
  const none: readonly string[] = []
  const one = appended(none, 'a')
  assert.deepEqual(appended(one, 'b'), ['a', 'b'])
  assert.deepEqual([none, one], [[], ['a']])
})

test('lists that are appended to one by one have no room for more', () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const count = 20_000
  const weigh = (made: () => unknown): number => {
    collect()
    const before = process.memoryUsage().heapUsed
    const kept = Array.from({ length: count }, made)
    collect()
    const bytes = process.memoryUsage().heapUsed - before
    assert.equal(kept.length, count)
    return bytes / count
  }
  const item = {}
  const literal = weigh(() => [item, item])
  const ours = weigh(() => appended(appended([], item), item))
  assert.ok(ours < literal + 16, `${ours} bytes, and a literal has ${literal}`)
})

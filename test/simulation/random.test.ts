import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { SeededRandom } from '../../src/simulation/random.ts'
import { Trace } from '../../src/simulation/trace.ts'

describe('random numbers from a seed', () => {
  test('are the same for ever', () => {
    const random = new SeededRandom(42)
    const words = [random.word(), random.word(), random.word()]
    assert.deepEqual(words, [1959603763, 2423114712, 2466933512])
  })

  test('a fork does not change what its parent draws next', () => {
    const [one, other] = [new SeededRandom(7), new SeededRandom(7)]
    const fork = one.fork('disk')
    other.fork('disk')
    for (let draw = 0; draw < 10; draw += 1) fork.word()
    assert.equal(one.word(), other.word())
  })

  test('seeds and labels give streams of their own', () => {
    const firsts = new Set<number>()
    for (let seed = 1; seed <= 100; seed += 1) {
      firsts.add(new SeededRandom(seed).word())
      firsts.add(new SeededRandom(seed, 'network').word())
    }
    assert.equal(firsts.size, 200)
  })

  test('are even enough: each tenth of the range gets its share', () => {
    const random = new SeededRandom(1)
    const counts = Array.from({ length: 10 }, () => 0)
    for (let draw = 0; draw < 10_000; draw += 1) {
      const tenth = Math.floor(random.fraction() * 10)
      counts[tenth] = (counts[tenth] ?? 0) + 1
    }
    for (const count of counts) assert.ok(count > 850 && count < 1_150, String(counts))
  })
})

describe('the hash of a trace', () => {
  test('tells apart what differs in time, actor, words or order', () => {
    const hashOf = (notes: readonly (readonly [number, string, string])[]): string => {
      let nowMs = 0
      const trace = new Trace(() => nowMs)
      for (const [atMs, actor, what] of notes) {
        nowMs = atMs
        trace.note(actor, what)
      }
      return trace.hash()
    }
    const hashes = [
      hashOf([]),
      hashOf([
        [1, 'p0', 'a'],
        [2, 'p0', 'b'],
      ]),
      hashOf([
        [1, 'p0', 'b'],
        [2, 'p0', 'a'],
      ]),
      hashOf([
        [1, 'p1', 'a'],
        [2, 'p0', 'b'],
      ]),
      hashOf([
        [1, 'p0', 'a'],
        [2.001, 'p0', 'b'],
      ]),
      hashOf([
        [1, 'p0', 'a'],
        [2, 'p0', 'bb'],
      ]),
    ]
    assert.equal(new Set(hashes).size, hashes.length)
    assert.equal(hashOf([[1, 'p0', 'a']]), hashOf([[1, 'p0', 'a']]))
  })
})

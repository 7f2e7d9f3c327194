import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import type { Role } from './environment.ts'
import { explore } from './exploration.ts'
import { plantedFaults } from './planted-faults.ts'

/**
 * Every mix of up to three branches with at most one that can't prepare, and at most one that can
 * carry the decision. Who may commit in one phase differs from who may not only when it is alone, so
 * of three branches one at most is of that kind.
 */
const mixes: readonly (readonly Role[])[] = [
  [],
  ['two'],
  ['one'],
  ['last'],
  ['two', 'two'],
  ['one', 'two'],
  ['one', 'one'],
  ['two', 'last'],
  ['last', 'two'],
  ['one', 'last'],
  ['last', 'one'],
  ['deciding'],
  ['deciding', 'two'],
  ['one', 'deciding'],
  ['deciding', 'last'],
  ['two', 'two', 'two'],
  ['one', 'two', 'two'],
  ['two', 'two', 'last'],
  ['two', 'last', 'two'],
  ['last', 'one', 'two'],
  ['deciding', 'two', 'two'],
  ['two', 'deciding', 'last'],
]

/** Fewer than this, and the exploration has lost sight of something. */
const worldsMin: Readonly<Record<number, number>> = { 0: 6, 1: 20, 2: 200, 3: 1_500 }

describe('every reachable state of two-phase commit keeps the invariants', () => {
  for (const mix of mixes) {
    test(`with the branches [${mix.join(', ')}]`, (context) => {
      const { states, worlds, steps } = explore(mix)
      context.diagnostic(`${states.length} states, ${worlds} with their worlds, ${steps} steps`)
      assert.ok(worlds >= (worldsMin[mix.length] ?? 0), `only ${worlds} worlds were visited`)
    })
  }
})

describe('the exploration catches a protocol that', () => {
  for (const { name, protocol, caughtBy } of plantedFaults) {
    test(name, () => {
      const smaller = mixes.filter(({ length }) => length <= 2)
      assert.throws(
        () => {
          for (const mix of smaller) explore(mix, protocol)
        },
        { message: caughtBy },
      )
    })
  }
})

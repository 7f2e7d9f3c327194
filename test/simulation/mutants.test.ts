import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { catchMutant } from '../../scripts/simulate-mutants.ts'
import { mutatedSource } from '../../scripts/simulate-mutation.ts'
import { mutants } from '../../src/simulation/mutants/all.ts'
import { mutate } from '../../src/simulation/mutants/mutant.ts'

describe('the planted bugs', () => {
  test('are many, each has a name of its own, and none is stale', () => {
    assert.ok(mutants.length >= 20)
    assert.equal(new Set(mutants.map(({ name }) => name)).size, mutants.length)
    for (const mutant of mutants) assert.notEqual(mutatedSource(mutant), '')
  })

  test('a mutant whose text is gone, or stands twice, is an error', () => {
    const mutant = mutants.find(({ name }) => name === 'durable-before-sync')
    assert.ok(mutant !== undefined)
    assert.throws(() => mutate('nothing of it', mutant), /stale/)
    assert.throws(() => mutate(mutant.find + mutant.find, mutant), /stands 2 times/)
  })
})

describe('the simulator sees', { concurrency: 2 }, () => {
  for (const mutant of mutants) {
    const { name, seeds, rule, why } = mutant
    test(`${name} (${rule}): ${why}`, async () => {
      const { failure } = await catchMutant(mutant)
      const replay = `npm run simulate -- --mutant ${name}`
      assert.ok(failure !== undefined, `not caught within ${seeds} seeds: ${replay}`)
    })
  }
})

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { repository, run } from '../../scripts/command.ts'
import { parseOptions, UsageError } from '../../scripts/simulate-options.ts'

describe('npm run simulate', () => {
  test('bad input is told in one line, with the usage, and ends with 2', async () => {
    const given = ['scripts/simulate.ts', '--seeds', 'many']
    const { exitCode, output } = await run({ tool: 'node', arguments: given }, repository)
    const [line, , usage] = output.split('\n')
    assert.equal(exitCode, 2)
    assert.equal(line, "--seeds must be a whole number from 1, not 'many'")
    assert.match(usage ?? '', /^usage: npm run simulate/)
  })

  test('one seed prints its trace and what came of it', async () => {
    const given = ['scripts/simulate.ts', '--seed', '3']
    const { exitCode, output } = await run({ tool: 'node', arguments: given }, repository)
    assert.equal(exitCode, 0, output.slice(-2_000))
    assert.match(output, /seed +3, profile /)
    assert.match(output, /every rule held\n$/)
  })

  test('a mutant is shown with the seed that catches it', async () => {
    const given = ['scripts/simulate.ts', '--mutant', 'durable-before-sync', '--workers', '1']
    const { exitCode, output } = await run({ tool: 'node', arguments: given }, repository)
    assert.equal(exitCode, 0, output.slice(-2_000))
    assert.match(output, /breaks A3: /)
    assert.match(output, /replay: npm run simulate -- --mutant durable-before-sync --seed \d+/)
    assert.match(output, /caught: the mutant durable-before-sync/)
  })

  test('reads its options', () => {
    const given = ['--seeds=50', '--seed', '9', '--profile', 'power', '--decisions', 'participant']
    const options = parseOptions(given, 2)
    assert.deepEqual(options, {
      seeds: 50,
      firstSeed: 9,
      isReplay: false,
      profile: 'power',
      decisions: 'participant',
      mutant: undefined,
      isAllMutants: false,
      workers: 2,
      traceFile: undefined,
    })
    assert.equal(parseOptions(['--help'], 2), undefined)
    assert.equal(parseOptions(['--seed', '4'], 2)?.isReplay, true)
  })

  for (const given of [
    ['--seed'],
    ['--seeds', '0'],
    ['--seed', '4294967296'],
    ['--protocol', 'three-phase'],
    ['--profile', 'sunny'],
    ['--decisions', 'cloud'],
    ['--mutant', 'none'],
    ['--mutants', '--seed', '1'],
    ['10'],
  ]) {
    test(`refuses ${given.join(' ')}`, () => {
      assert.throws(() => parseOptions(given, 2), UsageError)
    })
  }
})

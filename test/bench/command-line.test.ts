import assert from 'node:assert/strict'
import { test } from 'node:test'

import { levelsOf, parseOptions, UsageError } from '../../bench/command-line.ts'

test('each benchmark has defaults of its own', () => {
  assert.deepEqual(parseOptions(['commit']), {
    benchmark: 'commit',
    seconds: 2,
    rounds: 5,
    warmUp: 20_000,
    inFlight: [1, 16, 64],
    pair: undefined,
    part: undefined,
    transactions: 0,
    prepared: 2000,
    logDirectory: undefined,
    json: false,
  })
  assert.deepEqual(parseOptions(['coordinator'])?.inFlight, [1, 10, 100, 400])
  const { transactions, rounds } = parseOptions(['recovery']) ?? {}
  assert.deepEqual([transactions, rounds], [100_000, 3])
  assert.equal(parseOptions(['recovery', '--rounds', '7'])?.rounds, 7)
})

test('the peers are measured as the benchmarks of the same names, unless told otherwise', () => {
  assert.deepEqual(parseOptions(['peers'])?.inFlight, [])
  assert.deepEqual(levelsOf('commit'), parseOptions(['commit'])?.inFlight)
  assert.deepEqual(levelsOf('coordinator'), parseOptions(['coordinator'])?.inFlight)
  assert.deepEqual(parseOptions(['peers', '--in-flight', '4'])?.inFlight, [4])
})

test('one pair of servers, or one part, can be asked for', () => {
  assert.equal(parseOptions(['commit', '--pair', 'postgres+mariadb'])?.pair, 'postgres+mariadb')
  assert.equal(parseOptions(['peers', '--part=coordinator'])?.part, 'coordinator')
})

test('options are taken with a space or an equals sign', () => {
  const options = parseOptions(['--seconds=0.5', 'commit', '--in-flight', '2,8', '--json'])
  assert.deepEqual([options?.seconds, options?.inFlight, options?.json], [0.5, [2, 8], true])
  assert.equal(parseOptions(['commit', '--help']), undefined)
})

test('what can not be meant is refused, and the message says what to do', () => {
  const refusals: [string[], RegExp][] = [
    [[], /which benchmark\? There are: coordinator, commit, peers, recovery/],
    [['speed'], /no benchmark 'speed'; there are/],
    [['commit', 'recovery'], /one benchmark at a time/],
    [['commit', '--rounds', '0'], /--rounds must be a whole number from 1, not '0'/],
    [['commit', '--rounds', '1.5'], /--rounds must be a whole number/],
    [['commit', '--seconds', '0'], /--seconds must be more than 0/],
    [['commit', '--seconds', 'ten'], /--seconds must be a number, not 'ten'/],
    [['commit', '--in-flight', '1,'], /--in-flight must be a number, not ''/],
    [['commit', '--pair', 'oracle'], /--pair must be postgres\+postgres or .*, not 'oracle'/],
    [['peers', '--part', 'recovery'], /--part must be commit or coordinator, not 'recovery'/],
    [['commit', '--seconds'], /--seconds needs a value/],
    [['commit', '--fast'], /'--fast' is no option/],
  ]
  for (const [given, message] of refusals) {
    assert.throws(
      () => parseOptions(given),
      (error) => error instanceof UsageError && message.test(error.message),
      given.join(' '),
    )
  }
})

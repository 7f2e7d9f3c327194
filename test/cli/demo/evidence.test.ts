/** The checks at the end of the demo: each must be able to fail, and alone. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { allHeld, type Evidence, judge, noFindings } from '../../../src/cli/demo/evidence.ts'
import { failuresOf, type Run, renderRun, resultOf } from '../../../src/cli/demo/result.ts'

const sound: Evidence = {
  sides: [
    { side: 'left', before: 1000, after: 900, journal: -100 },
    { side: 'right', before: 1000, after: 1100, journal: 100 },
  ],
  committed: 17,
  byExecute: 8,
  aborted: 3,
  torn: noFindings,
  leftPrepared: noFindings,
  contradicted: noFindings,
  unfinished: noFindings,
  problems: [],
}
const [left, right] = sound.sides
const found = {
  count: 1,
  examples: ['something that is told in so many words that it needs two lines'],
}

const violations: readonly (readonly [string, Partial<Evidence>, string])[] = [
  ['nothing was committed', { committed: 0 }, 'transfers were made'],
  [
    'money was made',
    { sides: [left!, { ...right!, after: 1101, journal: 101 }] },
    'no money was made or lost',
  ],
  [
    'a balance was changed behind the journal, and another against it',
    {
      sides: [
        { ...left!, after: 901 },
        { ...right!, after: 1099 },
      ],
    },
    'each database has what its journal says',
  ],
  [
    'a database is missing',
    { sides: [{ ...left!, before: 900, journal: 0 }] },
    'each database has what',
  ],
  ['a transfer is torn', { torn: found }, 'each transfer is everywhere or nowhere'],
  ['a branch is left', { leftPrepared: found }, 'no branch is left prepared'],
  ['the log says otherwise', { contradicted: found }, 'the decision log agrees with the data'],
  ['the log has unfinished work', { unfinished: found }, 'the decision log agrees with the data'],
  ['the worker reported a defect', { problems: ['x'] }, 'kills explain whatever the worker met'],
]

function runOf(evidence: Evidence): Run {
  return {
    evidence,
    recovered: { committed: 1, aborted: 2 },
    kills: 4,
    restarts: 2,
    databases: ['postgres://a', 'postgres://b'],
    log: 'transactions',
  }
}

/** A terminal of 80 columns shows each line as one. */
function assertFits(table: string): void {
  for (const line of table.split('\n')) assert.ok(line.length <= 80, line)
}

describe('a run of the demo', () => {
  test('held when every check did', () => {
    assert.ok(allHeld(judge(sound)))
    assert.deepEqual(resultOf(runOf(sound)), {
      committed: 17,
      byExecute: 8,
      aborted: 3,
      coordinatorKills: 4,
      databaseRestarts: 2,
      recovered: { committed: 1, aborted: 2 },
      money: { before: 2000, after: 2000 },
      leftPrepared: 0,
      held: true,
      databases: ['postgres://a', 'postgres://b'],
      log: 'transactions',
    })
    assert.match(renderRun(runOf(sound)), /^Everything held\.$/m)
    assert.match(renderRun(runOf(sound)), /^ {2}of these by execute +8$/m)
    assertFits(renderRun(runOf(sound)))
    assert.deepEqual(failuresOf(runOf(sound)), [])
  })

  for (const [what, tampered, check] of violations) {
    test(`did not hold when ${what}`, () => {
      const run = runOf({ ...sound, ...tampered })
      assert.equal(resultOf(run).held, false)
      const [failure = '', ...others] = failuresOf(run)
      assert.ok(failure.startsWith(`not held: ${check}`), failure)
      assert.deepEqual(others, [])
      assert.match(renderRun(run), /^NOT EVERYTHING HELD\.$/m)
      assert.match(renderRun(run), new RegExp(`FAILED {2}${check}`))
      assertFits(renderRun(run))
    })
  }

  test('did not hold when nothing was checked', () => {
    assert.equal(allHeld([]), false)
  })
})

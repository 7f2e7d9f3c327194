/**
 * The short run over pairs of which MariaDB is one: the points at which it matters what the database
 * does, and a soak of some seconds. `ASSENT_CRASH_PAIRS` runs everything over them; see
 * `stores/pairs.ts`.
 */
import { test } from 'node:test'

import {
  pointsAfterTheDecision,
  pointsBeforeTheDecision,
  pointsOfTheLastResource,
} from './crash-points.ts'
import { crashSuite } from './crash-suite.ts'
import { databaseFailures, testDatabaseFailures } from './database-failures.ts'
import { executeFailures, testExecuteFailures } from './execute-failures.ts'
import { shortByExecute } from './execute-points.ts'
import { testCrashPoints } from './run-crash-point.ts'
import { testSoak } from './soak.ts'
import { chosenPairs, pairs } from './stores/pairs.ts'

const soakSeconds = 3

const chosen = chosenPairs()
const others = pairs.filter((pair) => pair !== 'postgres+postgres' && !chosen.includes(pair))
const points = [...pointsBeforeTheDecision, ...pointsAfterTheDecision, ...pointsOfTheLastResource]

function isOfTheDatabase({ ofTheDatabase }: { readonly ofTheDatabase?: true }): boolean {
  return ofTheDatabase === true
}

if (others.length === 0) {
  test('the short run', { skip: 'the other files run everything over every pair' }, () => undefined)
}

await crashSuite(
  'what other databases have a part in',
  (suite) => {
    testCrashPoints(suite, points.filter(isOfTheDatabase))
    testDatabaseFailures(suite, databaseFailures.filter(isOfTheDatabase))
    // The two servers take a batch each in its own way; that is over with the votes.
    if (suite.kindOf('left') === 'postgres') {
      const undecided = shortByExecute.filter(({ ends }) => ends === 'aborted')
      testCrashPoints(suite, undecided.filter(isOfTheDatabase))
      testExecuteFailures(suite, 'right', executeFailures)
    }
    testSoak(suite, soakSeconds)
  },
  others,
)

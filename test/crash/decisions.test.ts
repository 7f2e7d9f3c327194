/**
 * Workers and databases killed where the decisions are kept in the left database, which is of
 * PostgreSQL: its branch carries the decision in its own commit. This is the short run; one that names
 * its pairs (`ASSENT_CRASH_PAIRS`; see `stores/pairs.ts`) has all of it.
 */
import { test } from 'node:test'

import type { CrashPoint } from './crash-points.ts'
import { crashSuite } from './crash-suite.ts'
import { databaseFailures, testDatabaseFailures } from './database-failures.ts'
import { testDecisionFailures } from './decision-failures.ts'
import { pointsAlike, pointsOfTheCarrier, pointsOfTheTable } from './decision-points.ts'
import { executeFailures, testExecuteFailures } from './execute-failures.ts'
import { pointsOfTheCarrierByExecute } from './execute-points.ts'
import { testCrashPoints, testRecoveryPoints } from './run-crash-point.ts'
import { testSoak } from './soak.ts'
import { arePairsNamed, chosenPairs, kindsOf } from './stores/pairs.ts'

const soakSeconds = Number(process.env.ASSENT_SOAK_SECONDS ?? 3)

const failuresAlike: readonly string[] = [
  'both killed and restarted under load',
  'one killed between decision and commit, and down for longer than a caller waits',
  'a worker and both databases killed under load, and all back at once',
]

const pairs = chosenPairs().filter((pair) => kindsOf(pair).left === 'postgres')

if (pairs.length === 0) {
  test('decisions in a database', { skip: 'no pair has PostgreSQL on the left' }, () => undefined)
}

await crashSuite(
  'decisions in a database',
  (suite) => {
    const isShort = !arePairsNamed()
    const inShort = ({ ofTheDatabase }: CrashPoint): boolean => ofTheDatabase === true
    testCrashPoints(suite, isShort ? pointsOfTheCarrier.filter(inShort) : pointsOfTheCarrier)
    const byExecute = pointsOfTheCarrierByExecute
    const ofTheMessage = byExecute.filter(({ trigger }) => trigger.on === 'sent').filter(inShort)
    testCrashPoints(suite, isShort ? ofTheMessage : byExecute)
    testExecuteFailures(suite, 'left', isShort ? executeFailures.slice(0, 1) : executeFailures)
    testDecisionFailures(suite, isShort)
    const twice = isShort ? pointsOfTheTable.slice(-1) : pointsOfTheTable
    testRecoveryPoints(suite, twice, pointsOfTheCarrier)
    if (!isShort) {
      testCrashPoints(suite, pointsAlike)
      const alike = databaseFailures.filter(({ name }) => failuresAlike.includes(name))
      testDatabaseFailures(suite, alike)
    }
    testSoak(suite, soakSeconds)
  },
  pairs,
  'left database',
)

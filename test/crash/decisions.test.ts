/**
 * Workers and databases killed where the decisions are kept in the left database, which is of
 * PostgreSQL: its branch carries the decision in its own commit.
 */
import { crashSuite } from './crash-suite.ts'
import { databaseFailures, testDatabaseFailures } from './database-failures.ts'
import { testDecisionFailures } from './decision-failures.ts'
import { pointsAlike, pointsOfTheCarrier, pointsOfTheTable } from './decision-points.ts'
import { testCrashPoints, testRecoveryPoints } from './run-crash-point.ts'
import { testSoak } from './soak.ts'
import { chosenPairs, kindsOf } from './stores/pairs.ts'

const soakSeconds = Number(process.env.ASSENT_SOAK_SECONDS ?? 4)

const failuresAlike: readonly string[] = [
  'both killed and restarted under load',
  'one killed between decision and commit, and down for longer than a caller waits',
  'a worker and both databases killed under load, and all back at once',
]

const pairs = chosenPairs().filter((pair) => kindsOf(pair).left === 'postgres')

await crashSuite(
  'decisions in a database',
  (suite) => {
    testCrashPoints(suite, [...pointsOfTheCarrier, ...pointsAlike])
    testRecoveryPoints(suite, pointsOfTheTable, pointsOfTheCarrier)
    const alike = databaseFailures.filter(({ name }) => failuresAlike.includes(name))
    testDatabaseFailures(suite, alike)
    testDecisionFailures(suite)
    testSoak(suite, soakSeconds)
  },
  pairs,
  'left database',
)

/**
 * Workers killed after the decision is durable: every branch commits. And with a last resource,
 * where between its intent and the decision nobody can tell.
 */
import { pointsAfterTheDecision, pointsOfTheLastResource } from './crash-points.ts'
import { crashSuite } from './crash-suite.ts'
import { testCrashPoints } from './run-crash-point.ts'

await crashSuite('a worker killed after the decision', (suite) => {
  testCrashPoints(suite, pointsAfterTheDecision)
  testCrashPoints(suite, pointsOfTheLastResource)
})

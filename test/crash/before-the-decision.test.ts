/** Workers killed before the decision is durable: nothing of the transaction may be left. */
import { pointsBeforeTheDecision } from './crash-points.ts'
import { crashSuite } from './crash-suite.ts'
import { testCrashPoints } from './run-crash-point.ts'

await crashSuite('a worker killed before the decision', (suite) => {
  testCrashPoints(suite, pointsBeforeTheDecision)
})

/** Workers killed while they recover what a killed one left. */
import {
  pointsAfterTheDecision,
  pointsBeforeTheDecision,
  pointsOfTheLastResource,
} from './crash-points.ts'
import { crashSuite } from './crash-suite.ts'
import { pointsOfRecovery } from './recovery-points.ts'
import { testRecoveryPoints } from './run-crash-point.ts'

await crashSuite('a worker killed while it recovers', (suite) => {
  testRecoveryPoints(suite, pointsOfRecovery, [
    ...pointsBeforeTheDecision,
    ...pointsAfterTheDecision,
    ...pointsOfTheLastResource,
  ])
})

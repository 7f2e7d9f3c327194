/** Workers killed while the decision goes to disk, and while the files of the log change. */
import { crashSuite } from './crash-suite.ts'
import { pointsInTheLog, pointsOfTheLogFiles } from './recovery-points.ts'
import { testCrashPoints, testLogFilePoints } from './run-crash-point.ts'

await crashSuite('a worker killed while its log is written', (suite) => {
  testCrashPoints(suite, pointsInTheLog)
  testLogFilePoints(suite, pointsOfTheLogFiles)
})

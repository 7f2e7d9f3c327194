/**
 * Workers killed whose work is given to `execute`, and databases that are lost in the middle of its
 * messages. This is the short run; one that names its pairs (`ASSENT_CRASH_PAIRS`; see
 * `stores/pairs.ts`) has all of it, and `decisions.test.ts` what a message does that carries a decision.
 */
import { crashSuite } from './crash-suite.ts'
import { executeFailures, testExecuteFailures, testLostAnswer } from './execute-failures.ts'
import { pointsByExecute, shortByExecute } from './execute-points.ts'
import { testCrashPoints } from './run-crash-point.ts'
import { arePairsNamed } from './stores/pairs.ts'
import { sides } from './worker/settings.ts'

await crashSuite('work given to execute', (suite) => {
  testLostAnswer(suite)
  if (arePairsNamed()) {
    testCrashPoints(suite, pointsByExecute)
    for (const side of sides) testExecuteFailures(suite, side, executeFailures)
    return
  }
  testCrashPoints(suite, shortByExecute)
  testExecuteFailures(suite, 'right', executeFailures)
})

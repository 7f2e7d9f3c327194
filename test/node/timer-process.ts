/** A process for the tests of the timers: it ends when nothing that keeps it alive is left. */
import { backgroundTimers, nodeTimers } from '../../src/node/timers.ts'

nodeTimers().set(20, () => process.stdout.write('waited for\n'))
backgroundTimers().set(600_000, () => process.stdout.write('in the background\n'))

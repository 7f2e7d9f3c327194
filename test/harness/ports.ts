/** The real ports, for tests that use a participant without an engine around it. */
import { nodeClock } from '../../src/node/clock.ts'
import { nodeRandom } from '../../src/node/random.ts'
import { backgroundTimers } from '../../src/node/timers.ts'
import type { ParticipantPorts } from '../../src/participants/contract.ts'

export function realPorts(resource = 'tested'): ParticipantPorts {
  return { resource, clock: nodeClock(), timers: backgroundTimers(), random: nodeRandom() }
}

/** Asks the library whether a database can keep the promise, before anything is made in it. */
import { nodeClock } from '../../node/clock.ts'
import { nodeRandom } from '../../node/random.ts'
import { backgroundTimers } from '../../node/timers.ts'
import type { Participant, ResourceCheck } from '../../participants/contract.ts'

export async function checkOnce(name: string, participant: Participant): Promise<ResourceCheck> {
  participant.attach({
    resource: name,
    clock: nodeClock(),
    timers: backgroundTimers(),
    random: nodeRandom(),
  })
  try {
    return await participant.check()
  } finally {
    await participant.close()
  }
}

/**
 * A process with a log on the real disk: it says which log it has, then commits without end, and
 * says each counter once it is durable. `adopt` as second argument: it adopts until it finds work.
 */
import type { DecisionLog } from '../../src/log/contract.ts'
import { openFileLogs } from '../../src/log/file/open.ts'
import { nodeClock } from '../../src/node/clock.ts'
import { nodeDisk } from '../../src/node/disk.ts'
import { nodeRandom } from '../../src/node/random.ts'
import { nodeTimers } from '../../src/node/timers.ts'
import { decided, force, settled } from './records.ts'

const [, , directory = '', role] = process.argv
const logs = openFileLogs({
  disk: nodeDisk(),
  timers: nodeTimers(),
  clock: nodeClock(),
  random: nodeRandom(),
  directory,
  installation: 'shop',
  segmentBytes: 32 * 1024,
})

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

function introduce(log: DecisionLog): void {
  say(`${log.location} ${log.identity} ${log.epoch} ${log.recovered.length}`)
}

async function commitForEver(log: DecisionLog): Promise<never> {
  let counter = 0
  const one = async (): Promise<never> => {
    for (;;) {
      counter += 1
      const mine = counter
      await force(log, decided(log.epoch, mine, 'committed', { wallMs: Date.now() }))
      say(`${log.epoch}.${mine}`)
      // Every tenth stays unfinished.
      if (mine % 10 !== 0) log.append(settled(log.epoch, mine))
    }
  }
  return await Promise.race(Array.from({ length: 8 }, one))
}

const log = await logs.open()
introduce(log)
if (role === 'adopt') {
  let adopted = await logs.adopt()
  while (adopted === undefined) adopted = await logs.adopt()
  introduce(adopted)
  for (const { transaction } of adopted.recovered)
    say(`${transaction.epoch}.${transaction.counter}`)
  // No `process.exit`: it would cut off what was said last.
  await Promise.all([log.close({ clean: true }), adopted.close({ clean: false })])
} else {
  await commitForEver(log)
}

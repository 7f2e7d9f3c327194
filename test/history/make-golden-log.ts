/**
 * Makes the golden log of the present format: `node test/history/make-golden-log.ts`.
 *
 * It stands for the logs that users have, so it is made once, with the version that first writes the
 * format, and never again: a directory that exists is refused. What it holds is told by `story.ts`.
 */
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { formatVersion } from '../../src/log/file/format.ts'
import { openFileLogs } from '../../src/log/file/open.ts'
import { nodeDisk } from '../../src/node/disk.ts'
import { nodeTimers } from '../../src/node/timers.ts'
import { SeededRandom } from '../../src/simulation/random.ts'
import { plainReading } from './reading.ts'
import { live } from './story.ts'

const wallMs = 1_750_000_000_000
const here = dirname(fileURLToPath(import.meta.url))
const target = join(here, `v${formatVersion}`)
if (existsSync(target)) throw new Error(`${target} exists: golden logs are not made anew`)

const directory = join(target, 'log')
const logs = openFileLogs({
  disk: nodeDisk(),
  timers: nodeTimers(),
  clock: { monotonicMs: () => 0, wallMs: () => wallMs },
  random: new SeededRandom(1),
  directory,
  installation: 'golden-shop',
  segmentBytes: 16 * 1024,
})
await live(logs)
await (await logs.open()).close({ clean: true })
const whole = await plainReading(directory)
tearLastBatch(join(directory, 'slot-0'))
const torn = await plainReading(directory)
if (JSON.stringify(torn) !== JSON.stringify(whole)) throw new Error('the torn batch shows')
writeFileSync(join(target, 'expected.json'), `${JSON.stringify(whole, undefined, 1)}\n`)
for (const name of readdirSync(directory, { recursive: true, encoding: 'utf8' })) {
  if (/(^|\/)(assent-log\.)?lock$/.test(name)) rmSync(join(directory, name))
}
// Without closing the log of the second life: its process dies here.
process.exit(0)

/** Writes the second sector of a batch behind the last one, as a power cut may leave it. */
function tearLastBatch(slot: string): void {
  const name = readdirSync(slot).findLast((each) => each.endsWith('.segment')) ?? ''
  const path = join(slot, name)
  const bytes = readFileSync(path)
  let end = 512
  while (bytes.subarray(end, end + 512).some((byte) => byte !== 0)) end += 512
  bytes.write('the end of a batch whose first sector was never written', end + 512)
  writeFileSync(path, bytes)
}

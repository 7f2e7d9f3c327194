/** A log that can't be read, as docs/operating/recovery.md has an operator deal with it. */
import assert from 'node:assert/strict'
import { open, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'

import { until } from '../harness/until.ts'
import { type CrashPoint, pointsAfterTheDecision } from './crash-points.ts'
import { crashSuite } from './crash-suite.ts'
import { crashAt } from './run-crash-point.ts'

/** In the records of the first batch of the first segment. */
const damagedOffset = 512 + 40

await crashSuite('a log that is damaged', (suite) => {
  test('is refused, changes nothing, and its branches wait as strangers for an operator', async () => {
    const place = await suite.place()
    const decided = pointsAfterTheDecision[0] as CrashPoint
    const subject = await crashAt(place, { ...decided, beside: 0 })
    await flipByte(join(place.log, 'slot-0', '000000000002.segment'), damagedOffset)

    const refused = place.spawn()
    const { code } = await refused.untilDead()
    assert.equal(code, 1)
    assert.match(refused.said, /ASSENT_LOG_CORRUPT/)
    assert.match(refused.said, /000000000002\.segment/)
    assert.equal((await place.bank.prepared()).length, 2, 'nothing was presumed')

    await rename(join(place.log, 'slot-0'), join(place.log, '..', 'slot-0-damaged'))
    const worker = await place.spawn().untilReady()
    const branches = [0, 1].map((branch) => `assent.${subject}.${branch}`)
    await until('both branches are listed, as strangers', async () => {
      const { orphans } = await worker.ask({ ask: 'pending' })
      assert.ok(orphans.every(({ ours }) => !ours))
      return branches.every((branch) => orphans.some(({ id }) => id === branch))
    })
    assert.equal((await place.bank.prepared()).length, 2, 'they are not touched')
    for (const id of branches) await worker.ask({ ask: 'resolve', id, decision: 'committed' })
    assert.ok(await place.bank.isInJournal('left', subject))
    assert.ok(await place.bank.isInJournal('right', subject))
    assert.deepEqual(await place.bank.prepared(), [])
    await place.bank.checkMoney()
  })
})

async function flipByte(path: string, offset: number): Promise<void> {
  const file = await open(path, 'r+')
  try {
    const byte = new Uint8Array(1)
    await file.read(byte, 0, 1, offset)
    await file.write(Uint8Array.of((byte[0] ?? 0) ^ 1), 0, 1, offset)
    await file.sync()
  } finally {
    await file.close()
  }
}

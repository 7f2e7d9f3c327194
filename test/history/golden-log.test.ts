import assert from 'node:assert/strict'
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'

import { formatVersion } from '../../src/log/file/format.ts'
import { openFileLogs } from '../../src/log/file/open.ts'
import { nodeDisk } from '../../src/node/disk.ts'
import { nodeRandom } from '../../src/node/random.ts'
import { nodeTimers } from '../../src/node/timers.ts'
import { plainReading } from './reading.ts'

const here = dirname(fileURLToPath(import.meta.url))
const versions = readdirSync(here).filter((name) => /^v\d+$/.test(name))
const scratch = mkdtempSync(join(tmpdir(), 'assent-history-'))
after(() => rmSync(scratch, { recursive: true, force: true }))

interface Reading {
  readonly installation: string
  readonly slots: readonly {
    readonly epoch: number
    readonly identity: string
    readonly retainedOutcomes: number
    readonly unfinished: readonly { readonly transaction: unknown }[]
    readonly resources: unknown
    readonly outcomes: readonly [number, number, string][]
  }[]
}

function expectedOf(version: string): Reading {
  return JSON.parse(readFileSync(join(here, version, 'expected.json'), 'utf8'))
}

/** A copy, because even a reader tries the locks. */
function copyOf(version: string): string {
  const copy = mkdtempSync(join(scratch, `${version}-`))
  cpSync(join(here, version, 'log'), copy, { recursive: true })
  return copy
}

test('the format that is written now has a golden log', () => {
  assert.ok(existsSync(join(here, `v${formatVersion}`)), `run make-golden-log.ts for format ${formatVersion}`)
  assert.equal(versions.length, formatVersion, 'one for each format, from the first on')
})

for (const version of versions) {
  test(`a log of format ${version} reads as it did when it was written`, async () => {
    const expected = expectedOf(version)
    assert.ok(expected.slots.length === 2 && expected.slots[0]?.unfinished.length === 5)
    assert.deepEqual(await plainReading(copyOf(version)), expected)
  })

  test(`a log of format ${version} opens, and keeps everything in the present format`, async () => {
    const expected = expectedOf(version)
    const directory = copyOf(version)
    const logs = openFileLogs({
      disk: nodeDisk(),
      timers: nodeTimers(),
      clock: { monotonicMs: () => 0, wallMs: () => 1_750_000_000_000 },
      random: nodeRandom(),
      directory,
      installation: expected.installation,
      segmentBytes: 16 * 1024,
    })
    for (const slot of expected.slots) {
      const log = await logs.open()
      assert.equal(log.identity, slot.identity)
      assert.equal(log.epoch, slot.epoch + 1)
      assert.deepEqual(
        log.recovered.map(({ transaction }) => transaction),
        slot.unfinished.map(({ transaction }) => transaction),
      )
      assert.deepEqual(log.resources(), slot.resources)
      assert.equal(log.statistics().retainedOutcomes, slot.retainedOutcomes)
      for (const [epoch, counter, outcome] of slot.outcomes) {
        // The epoch that this opening uses was not used before.
        if (epoch <= slot.epoch) assert.equal(log.outcome({ epoch, counter }), outcome)
      }
      const again = (await plainReading(directory)) as Reading
      const found = again.slots.find(({ identity }) => identity === slot.identity)
      assert.deepEqual(found?.unfinished, slot.unfinished)
    }
  })
}

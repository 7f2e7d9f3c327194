import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'

import type { DecisionLogs } from '../../src/log/contract.ts'
import { openFileLogs } from '../../src/log/file/open.ts'
import { readFileLogs } from '../../src/log/file/read.ts'
import { nodeClock } from '../../src/node/clock.ts'
import { nodeDisk } from '../../src/node/disk.ts'
import { nodeRandom } from '../../src/node/random.ts'
import { nodeTimers } from '../../src/node/timers.ts'
import { Child } from '../node/child.ts'
import { decided, force, settled } from './records.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'assent-log-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

function logsHere(): DecisionLogs {
  return openFileLogs({
    disk: nodeDisk(),
    timers: nodeTimers(),
    clock: nodeClock(),
    random: nodeRandom(),
    directory,
    installation: 'shop',
    segmentBytes: 32 * 1024,
  })
}

function committer(): Child {
  return new Child(import.meta.url, './log-process.ts', directory)
}

test('a process killed again and again loses nothing that it said', async () => {
  const said: string[] = []
  const epochs: string[] = []
  for (const lines of [1, 300, 37, 600, 100]) {
    const child = committer()
    const [, identity, epoch] = (await child.line())?.split(' ') ?? []
    epochs.push(`${identity}.${epoch}`)
    for (let count = 0; count < lines; count += 1) said.push((await child.line()) ?? '')
    await child.kill()
    said.push(...(await child.rest()))
    assert.equal(child.errors, '')
  }
  assert.equal(new Set(epochs).size, 5, 'A8: every life has an epoch of its own')
  const log = await logsHere().open()
  const whole = said.filter((line) => /^\d+\.\d+$/.test(line))
  assert.ok(whole.length > 1000)
  for (const line of whole) {
    const [epoch = 0, counter = 0] = line.split('.').map(Number)
    assert.equal(log.outcome({ epoch, counter }), 'committed', line)
  }
  const files = readdirSync(join(directory, 'slot-0'))
  assert.equal(files.length, 3, `a lock, a checkpoint, a segment: ${files}`)
  await log.close({ clean: false })
})

test('two processes share a directory; when one is killed, the other recovers its log', async () => {
  const first = committer()
  const [location] = (await first.line())?.split(' ') ?? []
  assert.match(location ?? '', /slot-0$/)
  const second = new Child(import.meta.url, './log-process.ts', directory, 'adopt')
  assert.match((await second.line()) ?? '', /slot-1 /)
  const unfinished: string[] = []
  for (let line = await first.line(); unfinished.length < 20; line = await first.line()) {
    if (line?.endsWith('0')) unfinished.push(line)
  }
  await first.kill()
  const rest = await first.rest()
  unfinished.push(...rest.filter((line) => line.endsWith('0')))
  const [adopted = '', ...found] = await second.rest()
  assert.match(adopted, /slot-0 \w{13} 2 \d+$/)
  for (const transaction of unfinished) assert.ok(found.includes(transaction), transaction)
})

test('a live process is read by another, and its slot is left to it', async () => {
  const child = committer()
  await child.line()
  for (let count = 0; count < 300; count += 1) await child.line()
  for (let look = 0; look < 5; look += 1) {
    const reading = await readFileLogs(nodeDisk(), directory)
    assert.equal(reading?.slots[0]?.isHeld, true)
    assert.equal(reading?.slots[0]?.problem, undefined, `${reading?.slots[0]?.problem}`)
    assert.ok((reading?.slots[0]?.log?.retainedOutcomes ?? 0) > 100)
  }
  assert.match((await child.line()) ?? '', /^1\./, 'it goes on')
  await child.kill()
})

test('a log written and closed here reads the same there', async () => {
  const logs = logsHere()
  const log = await logs.open()
  const waiting = Array.from({ length: 2000 }, (_, index) => force(log, decided(1, index + 1)))
  await Promise.all(waiting)
  for (let counter = 1; counter <= 1990; counter += 1) log.append(settled(1, counter))
  await log.close({ clean: false })
  const reading = await readFileLogs(nodeDisk(), directory)
  const [slot] = reading?.slots ?? []
  assert.equal(slot?.isHeld, false)
  assert.equal(slot?.log?.closed, 'with-work-left')
  assert.equal(slot?.log?.unfinished.length, 10)
  assert.equal(slot?.log?.retainedOutcomes, 1990)
  const again = await logs.open()
  assert.deepEqual(
    again.recovered.map(({ decided: record }) => record),
    Array.from({ length: 10 }, (_, index) => decided(1, 1991 + index)),
  )
  await again.close({ clean: false })
})

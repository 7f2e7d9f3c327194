/** What the doctor finds at log directories that were made ill, and at one that is well. */
import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { defaultSettings } from '../../src/coordinator/settings.ts'
import { examine } from '../../src/doctor/doctor.ts'
import { limitsFrom } from '../../src/doctor/options.ts'
import { custom } from '../../src/index.ts'
import { surveyLog } from '../../src/node/log-survey.ts'
import { makeHeld, makeUndelivered, openShop } from '../cli/shop.ts'
import { realPorts } from '../harness/ports.ts'
import { assertFound } from './examination.ts'
import { findingsOf, makeLog, ofLogs } from './log-table.ts'

/** What the disk of this machine is must not decide whether the tests pass. */
const ofTheDisk = new Set([
  'log-volatile',
  'log-in-container-layer',
  'log-on-shared-file-system',
  'log-file-system-unknown',
])

describe('the doctor finds of a log', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'assent-doctor-'))
  after(() => rm(folder, { recursive: true }))
  let made = 0
  const newDirectory = async (): Promise<string> => {
    made += 1
    const parent = join(folder, `case-${made}`)
    await mkdir(parent)
    return join(parent, 'transactions')
  }
  const besidesTheDisk = async (directory: string): Promise<string[]> => {
    const ids = (await findingsOf(directory)).map(({ id }) => id)
    return ids.filter((id) => !ofTheDisk.has(id))
  }

  for (const line of ofLogs) {
    test(`${line.id} (${line.severity}): ${line.by}`, async (context) => {
      const directory = await newDirectory()
      const findings = await line.provoke(directory)
      if (findings === undefined) return context.skip('no file system can be mounted here')
      const ofItsOwn = findings.filter(({ id }) => id === line.id || !ofTheDisk.has(id))
      assertFound(ofItsOwn, line)
    })
  }

  test('nothing where it is not made yet, and makes nothing', async () => {
    const directory = await newDirectory()
    assert.deepEqual(await besidesTheDisk(directory), [])
    await assert.rejects(readdir(directory), { code: 'ENOENT' })
  })

  test('nothing where it was closed in order', async () => {
    const directory = await newDirectory()
    await makeLog(directory)
    assert.deepEqual(await besidesTheDisk(directory), [])
  })

  test('nothing where a live process answers for it, whose slot it does not take', async () => {
    const directory = await newDirectory()
    const { coordinator } = await openShop(directory)
    assert.deepEqual(await besidesTheDisk(directory), [])
    const { slots } = await surveyLog(directory, [])
    assert.deepEqual(
      slots.map(({ isHeld, pid, silence }) => ({ isHeld, pid, silence })),
      [{ isHeld: true, pid: process.pid, silence: undefined }],
    )
    const second = await openShop(directory)
    assert.match(second.coordinator.log, /slot-1$/)
    await second.coordinator.close()
    await coordinator.close()
  })

  test('what a live coordinator has, by itself', async () => {
    const shop = await openShop(await newDirectory(), { controlSocket: false })
    const held = await makeHeld(shop)
    await makeUndelivered(shop)
    const { findings, log, resources } = await shop.coordinator.doctor()
    const found = findings.filter(({ id }) => !ofTheDisk.has(id))
    assert.deepEqual(
      found.map(({ id, resource }) => ({ id, resource })),
      [{ id: 'operator-awaited', resource: undefined }],
    )
    assert.match(found[0]?.found ?? '', new RegExp(held.replaceAll('.', '[.]')))
    assert.deepEqual(log?.slots, [{ slot: 0, held: true, pid: process.pid, unfinished: 2 }])
    assert.deepEqual(
      resources.map(({ name, status }) => `${name} ${status}`),
      ['bank ready', 'nightly ready', 'orders ready', 'stock ready'],
    )
    await shop.coordinator.close({ timeoutMs: 1 })
  })

  test('that it could not be looked at, in bounded time, and goes on with the rest', async () => {
    const mail = custom({ prepare: () => true, commit: () => undefined, rollback: () => undefined })
    const { timers, clock } = realPorts()
    mail.attach(realPorts('mail'))
    const { findings, log, resources } = await examine(
      {
        resources: new Map([['mail', mail]]),
        log: { installation: 'shop', slots: 64, retentionBytes: 0 },
        logs: [],
        acceptChanged: new Set(),
        survey: () => new Promise(() => undefined),
      },
      limitsFrom({ limitMs: 100 }, defaultSettings),
      { timers, clock },
    )
    assert.deepEqual(
      findings.map(({ id, found }) => ({ id, found })),
      [{ id: 'not-examined', found: "the log's directory: no answer within 100 ms" }],
    )
    assert.equal(log, undefined)
    assert.equal(resources[0]?.status, 'ready')
  })

  test('no option that it does not know', async () => {
    const { coordinator } = await openShop(await newDirectory())
    for (const options of [{ limitMs: 0 }, { limit: 1 }, { ownAgeMs: Number.NaN }]) {
      await assert.rejects(coordinator.doctor(options), { code: 'ASSENT_INVALID_OPTION' })
    }
    await coordinator.close()
  })
})

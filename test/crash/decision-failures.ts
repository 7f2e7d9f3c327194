/** What befalls the database that keeps the decisions, and the sessions that lock their slots. */
import assert from 'node:assert/strict'
import { test } from 'node:test'

import { until } from '../harness/until.ts'
import { adopting, type CrashSuite, type Place } from './crash-suite.ts'
import { carrierSent, othersVoted, pointsOfTheCarrier } from './decision-points.ts'
import { crashAt } from './run-crash-point.ts'
import { checkEnd, restart, type Stopped, stopAt } from './stopped-worker.ts'
import { type Form, sides, type Told, type Trigger } from './worker/settings.ts'
import type { WorkerProcess } from './worker-process.ts'

const carrying: Trigger = {
  on: 'event',
  channel: 'transaction',
  state: 'committing-with-decision',
}
const carried = { on: 'sent', statement: 'commit with the decision' } as const
const answerLost: Trigger = { ...carried, isCut: true }

/** The short run has some of them; the rest go the ways that the crash points take, too. */
export function testDecisionFailures(suite: CrashSuite, isShort: boolean): void {
  test('the database of the decisions killed and restarted, the commit done, its answer not read', () =>
    killedAfter(suite))

  test('by execute: a commit with the decision that was done, and its answer lost', () =>
    resultsLost(suite))

  test('sessions that lock slots cut under load: the work goes on', () => slotsCut(suite))

  test('a slot that is lost, and taken by a sibling, while its process stands still', () =>
    taken(suite))

  if (isShort) return
  test('the database of the decisions killed and restarted before the commit that carries one', () =>
    killedBefore(suite))

  test('a commit with the decision that was done, and its answer lost', () => cutAfter(suite))

  for (const name of [carrierSent, othersVoted]) {
    test(`a sibling ends what a killed process left, and works on: ${name}`, () =>
      adopted(suite, name))
  }
}

const isCommitted = (told: Told): boolean => told.result === 'committed'

async function killedBefore(suite: CrashSuite): Promise<void> {
  const { place, worker, told } = await stopAt(suite, carrying)
  await restart(suite, 'left')
  worker.signal('SIGCONT')
  const end = await told
  assert.ok(end.result === 'failed' && end.effect === 'none', JSON.stringify(end))
  await checkEnd(place, worker)
}

async function killedAfter(suite: CrashSuite): Promise<void> {
  const { place, worker, subject, told } = await stopAt(suite, carried)
  await until('it has committed', () => place.bank.isInJournal('left', subject))
  await restart(suite, 'left')
  await checkFound(place, worker, told)
}

async function cutAfter(suite: CrashSuite): Promise<void> {
  const { place, worker, told } = await loseTheAnswer(suite, 'callback')
  await checkFound(place, worker, told)
}

/** The row says that it is committed; what the statements answered, nothing says. */
async function resultsLost(suite: CrashSuite): Promise<void> {
  const { place, worker, told } = await loseTheAnswer(suite, 'execute')
  worker.signal('SIGCONT')
  const end = await told
  assert.ok(end.result === 'failed' && end.effect === 'applied', JSON.stringify(end))
  await checkEnd(place, worker)
}

/** Its own connection is cut when it had sent the commit, which the database has done since. */
async function loseTheAnswer(suite: CrashSuite, form: Form): Promise<Stopped> {
  const stopped = await stopAt(suite, answerLost, { forms: [form] })
  const { place, subject } = stopped
  await until('it has committed', () => place.bank.isInJournal('left', subject))
  return stopped
}

/** The answer was lost; the row is found, and the caller is told what it says. */
async function checkFound(place: Place, worker: WorkerProcess, told: Promise<Told>): Promise<void> {
  worker.signal('SIGCONT')
  assert.deepEqual(await told, { result: 'committed' })
  await checkEnd(place, worker)
}

async function slotsCut(suite: CrashSuite): Promise<void> {
  const place = await suite.place()
  const worker = await place.spawn().untilReady()
  await worker.ask({ ask: 'work', concurrency: 4 })
  for (let round = 0; round < 3; round += 1) {
    assert.equal(await place.bank.endSlotSessions(), 1)
    const before = worker.told.filter(({ told }) => isCommitted(told)).length
    await until('transfers commit', () => {
      return worker.told.filter(({ told }) => isCommitted(told)).length > before + 5
    })
    await until('the slot is locked again', async () => {
      return (await place.bank.slotSessions()) === 1
    })
  }
  await checkEnd(place, worker)
}

async function adopted(suite: CrashSuite, name: string): Promise<void> {
  const place = await suite.place()
  const sibling = await place.spawn(adopting).untilReady()
  await sibling.ask({ ask: 'work', concurrency: 2 })
  const point = pointsOfTheCarrier.find((each) => each.name === name)
  assert.ok(point !== undefined)
  const subject = await crashAt(place, point)
  await until('the sibling has ended what was prepared', async () => {
    return (await place.bank.prepared()).every((branch) => !branch.includes(subject))
  })
  assert.equal(await place.bank.isInJournal('right', subject), point.ends === 'committed')
  await sibling.untilTold('it goes on with its own work', 5)
  await sibling.ask({ ask: 'rest' })
  await place.untilRecovered(sibling)
  await place.audit(await place.spawnForEverySlot([sibling]))
}

/** Its log is another's when it wakes: it decides nothing more, and what it had decided stands. */
async function taken(suite: CrashSuite): Promise<void> {
  const { place, worker, subject, told } = await stopAt(suite, carrying)
  const sibling = await place.spawn(adopting).untilReady()
  // MariaDB lets nobody end a branch while the session lives that prepared it [MY-2].
  for (const side of sides) await place.bank.endSessionsOf(worker.session, side)
  await until('the sibling has ended what was prepared', async () => {
    return (await place.bank.prepared()).every((branch) => !branch.includes(subject))
  })
  worker.signal('SIGCONT')
  const end = await told
  assert.ok(end.result === 'failed', JSON.stringify(end))
  await worker.close().catch(() => undefined)
  await place.untilRecovered(sibling)
  assert.equal(await place.bank.isInJournal('left', subject), false)
  await place.audit(await place.spawnForEverySlot([sibling]))
}

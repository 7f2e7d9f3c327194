/**
 * What befalls a batch while its message is under way at a server: it waits there for a row, and the
 * server goes on with it, up to PREPARE or COMMIT, for whoever sent it.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'

import { until } from '../harness/until.ts'
import type { CrashSuite, Place } from './crash-suite.ts'
import { checkEnd, restart, stopAt } from './stopped-worker.ts'
import type { Side, Told, Trigger } from './worker/settings.ts'
import type { WorkerProcess } from './worker-process.ts'

interface UnderWay {
  readonly place: Place
  readonly worker: WorkerProcess
  readonly subject: string
  /** What its caller is told in the end. */
  readonly told: Promise<Told>
}

export type ExecuteFailure = (typeof executeFailures)[number]

/** Each takes the database in which the message waits. */
export const executeFailures = [
  {
    name: 'a worker killed while its message waits, which goes on when all is recovered',
    run: landsLate,
  },
  { name: 'a connection cut in the middle of a message', run: cutWithin },
  { name: 'a server killed in the middle of a message', run: killedWithin },
] as const

/** The only branch commits in one message, and nothing else says so. */
export function testLostAnswer(suite: CrashSuite): void {
  test('by execute: a commit of the only branch that was done, and its answer lost', () =>
    answerLost(suite))
}

async function answerLost(suite: CrashSuite): Promise<void> {
  const committing: Trigger = { on: 'sent', statement: 'commit', isCut: true }
  const options = { forms: ['execute'] } as const
  const { place, worker, subject, told } = await stopAt(suite, committing, options, 'one-phase')
  await until('it has committed', () => place.bank.isInJournal('left', subject))
  worker.signal('SIGCONT')
  const end = await told
  assert.ok(end.result === 'failed' && end.effect === 'unknown', JSON.stringify(end))
  await place.untilRecovered(worker)
  const { unknown } = await place.audit(worker, ['one-phase'])
  assert.equal(unknown, 1)
}

/** A test for each, with the message that waits in this database. */
export function testExecuteFailures(
  suite: CrashSuite,
  side: Side,
  failures: readonly ExecuteFailure[],
): void {
  for (const { name, run } of failures) {
    test(`by execute: ${name} (${side})`, () => run(suite, side))
  }
}

/** The late PREPARE, or the late commit with its decision, finds that absence has spoken. */
async function landsLate(suite: CrashSuite, side: Side): Promise<void> {
  const { place, next, subject } = await whileItWaits(suite, side, async (underWay) => {
    const { place, worker, subject, told } = underWay
    told.catch(() => undefined) // nobody will ever tell
    worker.signal('SIGKILL')
    await worker.untilDead()
    const next = await place.spawn().untilReady()
    await until('the branch that was prepared is rolled back', async () => {
      return (await place.bank.prepared()).length === 0
    })
    assert.deepEqual(await next.ask({ ask: 'outcomes', ids: [subject] }), ['aborted'])
    assert.equal(await place.bank.waitingOf(worker.session, side), 1, 'the message still waits')
    return { place, next, subject }
  })
  await checkEnd(place, next)
  assert.equal(await place.bank.isInJournal(side, subject), false)
}

async function cutWithin(suite: CrashSuite, side: Side): Promise<void> {
  const { place, worker, told } = await whileItWaits(suite, side, async (underWay) => {
    const { place, worker } = underWay
    assert.ok((await place.bank.endSessionsOf(worker.session, side)) > 0)
    return underWay
  })
  await checkFailed(place, worker, told)
}

async function killedWithin(suite: CrashSuite, side: Side): Promise<void> {
  const { place, worker, told } = await whileItWaits(suite, side, async (underWay) => {
    await restart(suite, side)
    return underWay
  })
  await checkFailed(place, worker, told)
}

async function checkFailed(
  place: Place,
  worker: WorkerProcess,
  told: Promise<Told>,
): Promise<void> {
  const end = await told
  assert.ok(end.result === 'failed' && end.effect === 'none', JSON.stringify(end))
  await checkEnd(place, worker)
}

/** A transfer by `execute`, prepared in the other database, while its message waits in this one. */
async function whileItWaits<Value>(
  suite: CrashSuite,
  side: Side,
  body: (underWay: UnderWay) => Promise<Value>,
): Promise<Value> {
  const place = await suite.place()
  const worker = await place.spawn({ forms: ['execute'] }).untilReady()
  return await place.bank.holdingAccounts(side, async () => {
    const told = worker.ask({ ask: 'transfer', kind: 'transfer' })
    await until('the message waits, and the other branch is prepared', async () => {
      const isWaiting = (await place.bank.waitingOf(worker.session, side)) > 0
      return isWaiting && (await place.bank.prepared()).length === 1
    })
    return await body({ place, worker, subject: worker.subject ?? '', told })
  })
}

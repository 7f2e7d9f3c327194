/** Databases that are killed, cut off or hang, in the middle of transactions, and come back. */
import assert from 'node:assert/strict'
import { test } from 'node:test'

import { until } from '../harness/postgres-conditions.ts'
import { type CrashPoint, pointsAfterTheDecision } from './crash-points.ts'
import { crashSuite, type Place, type WorkerOptions } from './crash-suite.ts'
import { crashAt } from './run-crash-point.ts'
import type { Side, Told, Trigger } from './worker/settings.ts'
import type { WorkerProcess } from './worker-process.ts'

const decided: Trigger = { on: 'event', channel: 'transaction', state: 'committing' }
const deciding: Trigger = { on: 'event', channel: 'transaction', state: 'recording-decision' }

interface Stopped {
  readonly place: Place
  readonly worker: WorkerProcess
  readonly subject: string
  readonly told: Promise<Told>
}

await crashSuite('databases that fail', (suite) => {
  /** A worker that stands still at a moment of a transfer. */
  async function stopAt(trigger: Trigger, options: WorkerOptions = {}): Promise<Stopped> {
    const place = await suite.place()
    const crash = { trigger, signal: 'SIGSTOP', armed: 'for the subject' } as const
    const worker = await place.spawn({ ...options, crash }).untilReady()
    const told = worker.ask({ ask: 'transfer', kind: 'transfer' })
    const subject = await worker.untilStopped()
    return { place, worker, subject, told }
  }

  async function restart(...failed: readonly Side[]): Promise<void> {
    const servers = await Promise.all(failed.map((side) => suite.server(side)))
    await Promise.all(servers.map((server) => server.restart()))
  }

  async function checkEnd(place: Place, worker: WorkerProcess): Promise<void> {
    await worker.ask({ ask: 'rest' })
    await place.untilRecovered(worker)
    await place.audit(worker)
  }

  for (const failed of [['right'], ['left', 'right']] as const) {
    test(`${failed.join(' and ')} killed and restarted under load`, async () => {
      const place = await suite.place()
      const worker = await place.spawn({ settleWaitMs: 500 }).untilReady()
      await worker.ask({ ask: 'work', concurrency: 6 })
      const servers = await Promise.all(failed.map((side) => suite.server(side)))
      for (let round = 0; round < 2; round += 1) {
        await worker.untilTold('it works', 10)
        await Promise.all(servers.map((server) => server.kill()))
        await until('a caller is told that it failed', () =>
          worker.told.slice(-6).some(({ told }) => told.result === 'failed'),
        )
        await Promise.all(servers.map((server) => server.start()))
        await until('transfers commit again', () =>
          worker.told.slice(-6).some(({ told }) => told.result === 'committed'),
        )
      }
      await checkEnd(place, worker)
    })
  }

  test('both killed and restarted between prepare and decision', async () => {
    const { place, worker, told } = await stopAt(deciding)
    await restart('left', 'right')
    worker.signal('SIGCONT')
    assert.deepEqual(await told, { result: 'committed' })
    await checkEnd(place, worker)
  })

  test('one killed between decision and commit, and down for longer than a caller waits', async () => {
    const { place, worker, subject, told } = await stopAt(decided, { settleWaitMs: 300 })
    const right = await suite.server('right')
    await right.kill()
    worker.signal('SIGCONT')
    assert.deepEqual(await told, { result: 'committed' }, 'it is decided, and will happen')
    const [waiting] = (await worker.ask({ ask: 'pending' })).transactions
    assert.equal(waiting?.id, subject)
    assert.deepEqual([waiting.state, waiting.waits], ['committing', true])
    await right.start()
    await checkEnd(place, worker)
    assert.ok(await place.bank.isInJournal('right', subject))
  })

  test('a connection cut between prepare and commit', async () => {
    const { place, worker, told } = await stopAt(deciding)
    assert.ok((await place.bank.endSessionsOf(worker.pid, 'right')) > 0)
    worker.signal('SIGCONT')
    assert.deepEqual(await told, { result: 'committed' })
    await checkEnd(place, worker)
  })

  test('connections cut when PREPARE was done and its answer not read', async () => {
    const stopped = await stopAt({ on: 'sent', statement: 'prepare', nth: 2 })
    const { place, worker, subject, told } = stopped
    await until('both are prepared', async () => {
      const prepared = await place.bank.prepared()
      return prepared.filter((gid) => gid.includes(subject)).length === 2
    })
    await place.bank.endSessionsOf(worker.pid, 'left')
    await place.bank.endSessionsOf(worker.pid, 'right')
    worker.signal('SIGCONT')
    const end = await told
    assert.ok(end.result === 'committed' || end.effect === 'none', JSON.stringify(end))
    await checkEnd(place, worker)
  })

  test('a connection cut when COMMIT PREPARED was done and its answer not read', async () => {
    const { place, worker, subject, told } = await stopAt({
      on: 'sent',
      statement: 'commit prepared',
      nth: 2,
    })
    await until('both have committed', async () => (await place.bank.prepared()).length === 0)
    await restart('left', 'right')
    worker.signal('SIGCONT')
    assert.deepEqual(await told, { result: 'committed' })
    await checkEnd(place, worker)
    assert.ok(await place.bank.isInJournal('left', subject))
  })

  test('a worker and a database killed at once; the worker is back first', async () => {
    const place = await suite.place()
    const right = await suite.server('right')
    const point = pointsAfterTheDecision[0] as CrashPoint
    const subject = await crashAt(place, point)
    await right.kill()
    const worker = await place.spawn().untilReady()
    await until('the database that is up gets its commit', () =>
      place.bank.isInJournal('left', subject),
    )
    const { transactions } = await worker.ask({ ask: 'pending' })
    assert.ok(transactions.some(({ id, waits }) => id === subject && waits))
    await right.start()
    await checkEnd(place, worker)
    assert.ok(await place.bank.isInJournal('right', subject))
  })

  test('a worker and both databases killed under load, and all back at once', async () => {
    const place = await suite.place()
    const first = await place.spawn().untilReady()
    await first.ask({ ask: 'work', concurrency: 6 })
    await first.untilTold('it works', 20)
    first.signal('SIGKILL')
    await restart('left', 'right')
    await first.untilDead()
    const second = await place.spawn().untilReady()
    await checkEnd(place, second)
  })

  test('a database that hangs for longer than a transaction may last', async () => {
    const place = await suite.place()
    const options = { timeoutMs: 300, settleWaitMs: 300, answerTimeoutMs: 500 }
    const worker = await place.spawn(options).untilReady()
    await worker.ask({ ask: 'work', concurrency: 4 })
    const right = await suite.server('right')
    await right.suspend()
    try {
      const before = worker.told.length
      await until('callers are told that nothing happened', () =>
        worker.told
          .slice(before)
          .some(({ told }) => told.result === 'failed' && told.effect === 'none'),
      )
    } finally {
      await right.resume()
    }
    const isCommitted = (told: Told): boolean => told.result === 'committed'
    const before = worker.told.filter(({ told }) => isCommitted(told)).length
    await until(
      'transfers commit again',
      () => worker.told.filter(({ told }) => isCommitted(told)).length > before,
    )
    await checkEnd(place, worker)
  })
})

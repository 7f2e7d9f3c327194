/** Workers that stand still for longer than their transactions may last, and then go on. */
import assert from 'node:assert/strict'
import { test } from 'node:test'

import { until } from '../harness/until.ts'
import { crashSuite, type Place } from './crash-suite.ts'
import type { Told, Trigger } from './worker/settings.ts'
import type { WorkerProcess } from './worker-process.ts'

const longestMs = 10_000

interface Frozen {
  readonly place: Place
  readonly worker: WorkerProcess
  readonly sibling: WorkerProcess
  readonly subject: string
  /** What its caller is told in the end. */
  readonly told: Promise<Told>
}

await crashSuite('a worker that hangs longer than its time-out', (suite) => {
  /**
   * Stops a worker in a transfer, and waits until the transfer's time is over. Where the machine is
   * so slow that it is over before, it gets more.
   */
  async function freeze(trigger: Trigger, shortestMs: number): Promise<Frozen> {
    const place = await suite.place()
    const sibling = await place.spawn().untilReady()
    const crash = { trigger, signal: 'SIGSTOP', armed: 'for the subject' } as const
    for (let timeoutMs = shortestMs; ; timeoutMs *= 2) {
      const worker = await place.spawn({ crash, timeoutMs }).untilReady()
      const told = worker.ask({ ask: 'transfer', kind: 'transfer' })
      await until(
        'the worker stops, or is too slow',
        () => worker.reached !== undefined || worker.told.length > 0,
      )
      if (worker.reached === undefined) {
        assert.ok(timeoutMs < longestMs, JSON.stringify(await told))
        await worker.close()
        continue
      }
      const subject = await worker.untilStopped()
      const stoppedMs = performance.now()
      await until('its time is over', () => performance.now() - stoppedMs > timeoutMs)
      return { place, worker, sibling, subject, told }
    }
  }

  /** Everything has ended, and the woken worker works. */
  async function checkEnd({ place, worker, sibling }: Frozen): Promise<void> {
    assert.equal((await worker.ask({ ask: 'transfer', kind: 'transfer' })).result, 'committed')
    await place.untilRecovered(worker)
    await place.audit(await place.spawnForEverySlot([worker, sibling]))
  }

  test('rolls back what it had not prepared, and its locks were freed before', async () => {
    const frozen = await freeze({ on: 'work', step: 'between the databases' }, 500)
    const { place, worker, sibling, told } = frozen
    await until('the servers end its sessions', async () => {
      return (await place.bank.openTransactionsOf(worker.session)) === 0
    })
    for (let count = 0; count < 10; count += 1) {
      const other = await sibling.ask({ ask: 'transfer', kind: 'transfer' })
      assert.equal(other.result, 'committed', 'the rows are free for others')
    }
    worker.signal('SIGCONT')
    const end = await told
    assert.ok(end.result === 'failed' && end.effect === 'none', JSON.stringify(end))
    await checkEnd(frozen)
  })

  for (const [name, trigger] of [
    ['between prepare and decision', { on: 'event', channel: 'branch', state: 'prepared' }],
    ['after both votes', { on: 'event', channel: 'transaction', state: 'recording-decision' }],
    ['after the decision', { on: 'event', channel: 'transaction', state: 'committing' }],
  ] as const) {
    test(`decides for itself, and no sibling for it: stopped ${name}`, async () => {
      const frozen = await freeze(trigger, 300)
      const { place, worker, sibling, subject, told } = frozen
      const stranger = await place.bank.prepareStranger()
      await until(
        "the sibling has looked at both databases, and listed what is nobody's",
        async () => {
          const { orphans } = await sibling.ask({ ask: 'pending' })
          const seen = orphans.filter(({ id, ours }) => id === stranger && !ours)
          return seen.length === 2
        },
      )
      const prepared = await place.bank.prepared()
      assert.equal(prepared.filter((gid) => gid.includes(subject)).length, 2, 'both are untouched')
      assert.equal(prepared.filter((gid) => gid.includes(stranger)).length, 2, 'as are those')
      await place.bank.rollBackStranger(stranger)
      worker.signal('SIGCONT')
      const end = await told
      const isTimedOut = end.result === 'failed' && end.code === 'ASSENT_TIMED_OUT'
      const mayTimeOut = name === 'between prepare and decision'
      assert.ok(end.result === 'committed' || (mayTimeOut && isTimedOut), JSON.stringify(end))
      await checkEnd(frozen)
    })
  }
})

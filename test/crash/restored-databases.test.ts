/** Databases that are put back to an earlier state, which no protocol can undo, and what is seen. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { until } from '../harness/until.ts'
import { crashSuite, type Place } from './crash-suite.ts'
import type { StoreServer } from './stores/store.ts'
import { sides, type Trigger } from './worker/settings.ts'
import type { WorkerProcess } from './worker-process.ts'

const run = promisify(execFile)

await crashSuite('a database that is put back to an earlier state', (suite) => {
  /** Kills a worker at a moment of a transfer. */
  async function killAt(
    place: Place,
    trigger: Trigger,
    act: (worker: WorkerProcess, subject: string) => Promise<void>,
  ): Promise<string> {
    const crash = { trigger, signal: 'SIGSTOP', armed: 'for the subject' } as const
    const worker = await place.spawn({ crash }).untilReady()
    worker.tell({ ask: 'transfer', kind: 'transfer' })
    const subject = await worker.untilStopped()
    await act(worker, subject)
    worker.signal('SIGKILL')
    await worker.untilDead()
    return subject
  }

  test('a branch that is prepared once more learns the decision that it had', async () => {
    const place = await suite.place()
    const right = await suite.server('right')
    const decided: Trigger = { on: 'event', channel: 'transaction', state: 'committing' }
    const subject = await killAt(place, decided, () => backUp(right))
    const worker = await place.spawn().untilReady()
    await place.untilRecovered(worker)
    assert.ok(await place.bank.isInJournal('right', subject))
    await putBack(right)
    assert.equal(await place.bank.isInJournal('right', subject), false, 'it is as it was')
    await until('the sweep commits it', () => place.bank.isInJournal('right', subject))
    await place.untilRecovered(worker)
    await place.audit(worker)
  })

  // MariaDB keeps nothing of a branch that is gone: there, this can't be told from a commit.
  const lost = sides.find((side) => suite.kindOf(side) === 'postgres')
  if (lost === undefined) return
  const other = lost === 'left' ? 'right' : 'left'

  test('a branch that the database has never heard of is a hazard, and stays listed', async () => {
    const place = await suite.place()
    const server = await suite.server(lost)
    await backUp(server)
    const decided: Trigger = { on: 'event', channel: 'transaction', state: 'committing' }
    const subject = await killAt(place, decided, async () => undefined)
    await putBack(server)
    const worker = await place.spawn().untilReady()
    await until('the other database has its commit', () => place.bank.isInJournal(other, subject))
    await until('the transaction is listed as a heuristic', async () => {
      const { transactions } = await worker.ask({ ask: 'pending' })
      return transactions.some(({ id, state }) => id === subject && state === 'heuristic')
    })
    const [found] = (await worker.ask({ ask: 'pending' })).transactions
    assert.deepEqual(
      found?.heuristics.map(({ resource, kind }) => [resource, kind]),
      [[lost, 'hazard']],
    )
    assert.deepEqual(await worker.ask({ ask: 'outcomes', ids: [subject] }), ['hazard'])
    await worker.close()
  })
})

const copyOf = (server: StoreServer): string => join(server.directory, 'backup')
const dataOf = (server: StoreServer): string => join(server.directory, 'data')

/** A cold copy of everything, as of now. */
async function backUp(server: StoreServer): Promise<void> {
  await server.kill()
  await rm(copyOf(server), { recursive: true, force: true })
  await run('cp', ['-Rp', dataOf(server), copyOf(server)])
  await server.start()
}

async function putBack(server: StoreServer): Promise<void> {
  await server.kill()
  await rm(dataOf(server), { recursive: true, force: true })
  await rename(copyOf(server), dataOf(server))
  await server.start()
}

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { isAssentError } from '../../src/core/errors.ts'
import { BrokenInvariant } from '../../src/core/invariant.ts'
import type { DecisionLog } from '../../src/log/contract.ts'
import { GroupCommit } from '../../src/log/file/group-commit.ts'
import type { DiskOperation } from '../../src/simulation/disk.ts'
import { Machine } from './machine.ts'
import { decided, force, intent, settled } from './records.ts'

async function opened(segmentBytes = 64 * 1024): Promise<{ machine: Machine; log: DecisionLog }> {
  const machine = new Machine()
  const log = await machine.run(machine.logs('one', { segmentBytes }).open())
  return { machine, log }
}

/** Counts the operations of one kind from now on. */
function counting(machine: Machine, kind: DiskOperation['kind']): () => number {
  let count = 0
  machine.disk.fault = (operation) => {
    if (operation.kind === kind) count += 1
    return undefined
  }
  return () => count
}

const key = (counter: number): { epoch: number; counter: number } => ({ epoch: 1, counter })

describe('what waits together', () => {
  test('is forced by one write, however many records there are', async () => {
    const { machine, log } = await opened()
    const syncs = counting(machine, 'sync')
    const all = Array.from({ length: 100 }, (_, index) => force(log, decided(1, index + 1)))
    await machine.run(Promise.all(all))
    assert.equal(syncs(), 1)
    assert.equal(log.statistics().forcedWrites, 1)
    assert.equal(log.statistics().records, 100)
  })

  test('shares a write with all that arrives before the write begins', async () => {
    const begin: (() => void)[] = []
    const machine = new Machine()
    const log = await machine.run(machine.logs('one', { segmentBytes: 64 * 1024 }).open())
    const syncs = counting(machine, 'sync')
    machine.timers.soon = (run) => void begin.push(run)
    const waiting = [force(log, decided(1, 1))]
    await machine.turn()
    waiting.push(force(log, decided(1, 2)))
    assert.equal(begin.length, 1)
    begin[0]?.()
    await machine.run(Promise.all(waiting))
    assert.equal(syncs(), 1)
  })

  test('while a write is under way goes with the next one', async () => {
    const { machine, log } = await opened()
    const syncs = counting(machine, 'sync')
    const waiting = [force(log, decided(1, 1))]
    await machine.turn()
    for (let counter = 2; counter <= 40; counter += 1) waiting.push(force(log, decided(1, counter)))
    await machine.run(Promise.all(waiting))
    assert.equal(syncs(), 2)
  })

  test('is told in the order of the appends, never before append returns, only after the sync', async () => {
    const { machine, log } = await opened()
    const syncs = counting(machine, 'sync')
    const told: number[] = []
    let isAppending = false
    const done = new Promise<void>((resolve) => {
      for (let counter = 1; counter <= 5; counter += 1) {
        isAppending = true
        log.append(decided(1, counter), () => {
          assert.ok(!isAppending)
          assert.equal(syncs(), 1)
          told.push(counter)
          if (counter === 5) resolve()
        })
        isAppending = false
      }
    })
    await machine.run(done)
    assert.deepEqual(told, [1, 2, 3, 4, 5])
  })

  test('splits into batches of at most 256 KiB, in order', async () => {
    const { machine, log } = await opened(1024 * 1024)
    const branches = Array.from({ length: 40 }, (_, branch) => ({
      branch,
      resource: 1,
      evidence: 'x'.repeat(250),
    }))
    const sizes: number[] = []
    machine.disk.fault = ({ kind }) => {
      if (kind === 'sync') sizes.push(1)
      return undefined
    }
    const told: number[] = []
    const all = Array.from({ length: 60 }, (_, index) =>
      force(log, decided(1, index, 'committed', { branches })).then(() => told.push(index)),
    )
    await machine.run(Promise.all(all))
    assert.equal(sizes.length, 3, '600 KiB in three batches')
    assert.deepEqual(
      told,
      Array.from({ length: 60 }, (_, index) => index),
    )
  })
})

describe('a lazy record', () => {
  test('goes along with the next forced one', async () => {
    const { machine, log } = await opened()
    const syncs = counting(machine, 'sync')
    log.append(settled(1, 1))
    log.append(decided(1, 2, 'aborted'))
    await machine.run(force(log, decided(1, 3)))
    assert.equal(syncs(), 1)
    assert.equal(log.statistics().records, 3)
  })

  test('is written soon when there is none, without anyone waiting', async () => {
    const { machine, log } = await opened()
    const syncs = counting(machine, 'sync')
    const before = machine.nowMs
    log.append(decided(1, 2, 'aborted'))
    log.append(settled(1, 2))
    assert.equal(syncs(), 0)
    await machine.settle()
    assert.equal(syncs(), 1)
    assert.equal(log.statistics().records, 2)
    assert.ok(machine.nowMs - before <= 1000)
  })

  test('that fills a batch is written at once', async () => {
    const { machine, log } = await opened(16 * 1024)
    const before = machine.nowMs
    for (let counter = 1; counter <= 3000; counter += 1) log.append(settled(1, counter))
    assert.equal(log.statistics().records, 0)
    await machine.run(force(log, decided(1, 1)))
    assert.equal(log.statistics().records, 3001)
    assert.equal(machine.nowMs, before, 'no timer had to run')
  })
})

describe('outcomes of what is not durable yet', () => {
  test('a forced decision is unknown until it is durable; a lazy one is so already', async () => {
    const { machine, log } = await opened()
    const forced = force(log, decided(1, 1))
    log.append(decided(1, 2, 'aborted'))
    assert.equal(log.outcome(key(1)), 'unknown')
    assert.equal(log.outcome(key(2)), 'aborted')
    assert.equal(log.unfinished().length, 0)
    await machine.run(forced)
    assert.equal(log.outcome(key(1)), 'committed')
    assert.equal(log.outcome(key(2)), 'aborted')
    assert.equal(log.unfinished().length, 2)
  })

  test('a callback sees its own record in the state', async () => {
    const { machine, log } = await opened()
    const seen = await machine.run(
      new Promise((resolve) => {
        log.append(intent(1, 1), () => resolve(log.outcome(key(1))))
      }),
    )
    assert.equal(seen, 'held')
  })
})

describe('A2', () => {
  test('a second decision that differs is refused at once: waiting, durable, and settled', async () => {
    const { machine, log } = await opened()
    const first = force(log, decided(1, 1))
    const different = (): void => log.append(decided(1, 1, 'aborted'))
    assert.throws(different, BrokenInvariant)
    await machine.run(first)
    assert.throws(different, BrokenInvariant)
    log.append(settled(1, 1))
    await machine.run(force(log, decided(1, 2)))
    assert.throws(different, BrokenInvariant)
    await machine.run(log.close({ clean: false }))
    const again = await machine.run(machine.logs('one').open())
    assert.equal(again.outcome(key(1)), 'committed')
  })

  test('the same decision again is forced like any record', async () => {
    const { machine, log } = await opened()
    await machine.run(Promise.all([force(log, decided(1, 1)), force(log, decided(1, 1))]))
    assert.equal(log.unfinished().length, 1)
  })
})

test('a record beyond the limits is refused, and leaves no trace in the batch', async () => {
  const { machine, log } = await opened(16 * 1024)
  const branches = Array.from({ length: 1000 }, (_, branch) => ({
    branch,
    resource: 1,
    evidence: 'x'.repeat(60),
  }))
  const first = force(log, decided(1, 1))
  assert.throws(() => log.append(decided(1, 2, 'committed', { branches })), /a record of more than/)
  await machine.run(Promise.all([first, force(log, decided(1, 3))]))
  await machine.run(log.close({ clean: false }))
  const again = await machine.run(machine.logs('one').open())
  assert.deepEqual(
    again.recovered.map(({ transaction }) => transaction.counter),
    [1, 3],
  )
})

describe('close', () => {
  test('writes what waits, tells everyone, and gives the slot up', async () => {
    const { machine, log } = await opened()
    const told: unknown[] = []
    log.append(decided(1, 1), (failure) => told.push(failure))
    log.append(settled(1, 1))
    await machine.run(Promise.all([log.close({ clean: true }), log.close({ clean: false })]))
    assert.deepEqual(told, [undefined])
    const again = await machine.run(machine.logs('two').open())
    assert.equal(again.location, log.location)
    assert.equal(again.closedCleanly, true)
    assert.deepEqual(again.recovered, [])
    assert.equal(again.outcome(key(1)), 'committed')
  })

  test('takes no record afterwards, and says so to who waits', async () => {
    const { machine, log } = await opened()
    await machine.run(log.close({ clean: true }))
    const operations = machine.operations
    log.append(settled(1, 1))
    await assert.rejects(machine.run(force(log, decided(1, 1))), /the log is closed/)
    await machine.settle()
    assert.equal(machine.operations, operations)
  })
})

test('a callback that throws stops the log, and the error comes out', async () => {
  const machine = new Machine()
  const explained: unknown[] = []
  const commits = new GroupCommit({
    timers: machine.timers,
    segmentBytes: 64 * 1024,
    write: async () => undefined,
    onDurable: () => undefined,
    explain: (cause) => {
      explained.push(cause)
      return new Error('stopped')
    },
  })
  commits.append(settled(1, 1), () => {
    throw new BrokenInvariant('A1', 'planted')
  })
  await assert.rejects(commits.drain(), /A1: planted/)
  assert.equal(commits.failure?.message, 'stopped')
  assert.equal(explained.length, 1)
})

test('errors of the log have their code, and keep the cause', async () => {
  const { machine, log } = await opened()
  machine.disk.fault = ({ kind }) => (kind === 'sync' ? 'EIO' : undefined)
  await assert.rejects(machine.run(force(log, decided(1, 1))), (error: unknown) => {
    assert.ok(isAssentError(error, 'ASSENT_LOG_FAILED'))
    assert.match(error.message, /the disk reports an error of its own.*Nothing that was decided/)
    assert.match(String(error.cause), /EIO/)
    return true
  })
})

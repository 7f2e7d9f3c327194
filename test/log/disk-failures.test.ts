import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { isAssentError } from '../../src/core/errors.ts'
import type { DecisionLog } from '../../src/log/contract.ts'
import type { DiskFault, DiskOperation } from '../../src/simulation/disk.ts'
import { contentsOf, Machine } from './machine.ts'
import { decided, force, settled } from './records.ts'

const kib = 1024

/** Counters that are found unfinished. */
function counters(log: DecisionLog): number[] {
  return log.recovered.map(({ transaction }) => transaction.counter)
}

function isFull(error: unknown): boolean {
  assert.ok(isAssentError(error, 'ASSENT_LOG_FAILED'), String(error))
  assert.match(error.message, /the disk is full; free space/)
  return true
}

/** Appends one decision after the other until one fails; answers the counters that were promised. */
async function fill(machine: Machine, log: DecisionLog): Promise<number[]> {
  const promised: number[] = []
  for (let counter = 1; counter < 500; counter += 1) {
    try {
      await machine.run(force(log, decided(log.epoch, counter)))
      promised.push(counter)
    } catch (error) {
      isFull(error)
      return promised
    }
  }
  throw new Error('the disk never filled')
}

describe('a full disk', () => {
  test('is no failure while the present segment has room, and then stops the log', async () => {
    const machine = new Machine()
    const log = await machine.run(machine.logs().open())
    machine.disk.capacityBytes = machine.disk.usedBytes + 4 * kib
    const promised = await fill(machine, log)
    assert.equal(promised.length, 31, 'as many batches as the segment has sectors')
    assert.ok(isFull(log.failure))
    await assert.rejects(machine.run(force(log, decided(1, 400))), isFull)
    assert.equal(log.outcome({ epoch: 1, counter: 32 }), 'unknown')
    assert.equal(log.outcome({ epoch: 1, counter: 31 }), 'committed')

    await machine.run(log.close({ clean: false }))
    machine.disk.capacityBytes = Number.POSITIVE_INFINITY
    const again = await machine.run(machine.logs().open())
    assert.deepEqual(counters(again), promised, 'a restart after space is freed loses nothing')
  })

  test('that is freed in time is never noticed by those who commit', async () => {
    const machine = new Machine()
    const log = await machine.run(machine.logs().open())
    machine.disk.capacityBytes = machine.disk.usedBytes + 4 * kib
    for (let counter = 1; counter <= 25; counter += 1) {
      await machine.run(force(log, decided(1, counter)))
    }
    machine.disk.capacityBytes = Number.POSITIVE_INFINITY
    for (let counter = 26; counter <= 200; counter += 1) {
      await machine.run(force(log, decided(1, counter)))
    }
    assert.equal(log.failure, undefined)
  })

  test('without room for a checkpoint lets no log open, and changes nothing', async () => {
    const machine = new Machine()
    const log = await machine.run(machine.logs().open())
    for (let counter = 1; counter <= 10; counter += 1) {
      await machine.run(force(log, decided(1, counter)))
    }
    machine.processDied('one')
    const before = contentsOf(machine.disk)
    for (const spareBytes of [0, 100, 600, 1000]) {
      machine.disk.capacityBytes = machine.disk.usedBytes + spareBytes
      await assert.rejects(machine.run(machine.logs().open()), isFull)
      assert.deepEqual(contentsOf(machine.disk), before)
    }
    machine.disk.capacityBytes = Number.POSITIVE_INFINITY
    const again = await machine.run(machine.logs().open())
    assert.deepEqual(counters(again), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
  })

  test('with room for a checkpoint lets a log open: what that replaces makes room', async () => {
    const machine = new Machine()
    const log = await machine.run(machine.logs().open())
    await machine.run(force(log, decided(1, 1)))
    machine.processDied('one')
    machine.disk.capacityBytes = machine.disk.usedBytes + 2 * kib
    const again = await machine.run(machine.logs().open())
    assert.deepEqual(counters(again), [1])
    await machine.run(force(again, decided(2, 1)))
  })

  test('met again and again by openings that fail is not made fuller by them', async () => {
    const machine = new Machine()
    const log = await machine.run(machine.logs().open())
    await machine.run(force(log, decided(1, 1)))
    machine.processDied('one')
    machine.disk.fault = ({ kind, path }) =>
      kind === 'create' && path.includes('segment') ? 'ENOSPC' : undefined
    const used: number[] = []
    for (let opening = 1; opening <= 20; opening += 1) {
      await assert.rejects(machine.run(machine.logs().open()), isFull)
      used.push(machine.disk.usedBytes)
    }
    assert.ok(Math.max(...used) <= (used[0] ?? 0) + 3 * kib, `${used}`)
    machine.disk.fault = undefined
    assert.deepEqual(counters(await machine.run(machine.logs().open())), [1])
  })

  test('puts checkpoints off, and the next one makes up for it', async () => {
    const machine = new Machine()
    const log = await machine.run(machine.logs().open())
    let isFullNow = true
    machine.disk.fault = ({ kind, path }) =>
      isFullNow && kind === 'create' && path.includes('checkpoint') ? 'ENOSPC' : undefined
    const commit = async (from: number, to: number): Promise<void> => {
      for (let counter = from; counter <= to; counter += 1) {
        await machine.run(force(log, decided(1, counter)))
        log.append(settled(1, counter))
      }
      await machine.settle()
    }
    await commit(1, 200)
    assert.ok(log.statistics().bytesOnDisk > 100 * kib, 'segments pile up')
    isFullNow = false
    await commit(201, 260)
    assert.equal(log.failure, undefined)
    assert.ok(log.statistics().bytesOnDisk < 60 * kib, `${log.statistics().bytesOnDisk}`)
  })
})

describe('A11: an error of the disk', () => {
  const failing = (wanted: DiskOperation['kind'], fault: DiskFault) => {
    const machine = new Machine()
    const seen: string[] = []
    let isArmed = false
    machine.disk.fault = ({ kind }) => {
      if (isArmed) seen.push(kind)
      return isArmed && kind === wanted ? fault : undefined
    }
    return {
      machine,
      seen,
      arm: (): void => {
        isArmed = true
      },
      disarm: (): void => {
        isArmed = false
      },
    }
  }

  for (const kind of ['write', 'sync'] as const) {
    test(`at a ${kind} stops the log: all who wait are told, nothing more is written`, async () => {
      const { machine, seen, arm } = failing(kind, 'EIO')
      const log = await machine.run(machine.logs().open())
      await machine.run(force(log, decided(1, 1)))
      arm()
      const told: string[] = []
      const first = force(log, decided(1, 2)).catch((error) => told.push(error.code))
      await machine.turn()
      const second = force(log, decided(1, 3)).catch((error) => told.push(error.code))
      await machine.run(Promise.all([first, second]))
      assert.deepEqual(told, ['ASSENT_LOG_FAILED', 'ASSENT_LOG_FAILED'])
      const third = force(log, decided(1, 4))
      log.append(settled(1, 1))
      await assert.rejects(machine.run(third), /Nothing that was decided is lost/)
      await machine.settle()
      await machine.run(log.close({ clean: true }))
      assert.deepEqual(
        seen.filter((each) => each !== 'close'),
        kind === 'write' ? ['write'] : ['write', 'sync'],
        'the write and the sync are not tried again',
      )
      assert.equal(log.outcome({ epoch: 1, counter: 1 }), 'committed')
      assert.equal(log.outcome({ epoch: 1, counter: 2 }), 'unknown')
    })
  }

  test('a decision that was readable after a failed sync survives the next power cut', async () => {
    let seenBefore = 0
    for (let seed = 1; seed <= 60; seed += 1) {
      const machine = new Machine(seed)
      const log = await machine.run(machine.logs().open())
      machine.disk.fault = ({ kind }) => (kind === 'sync' ? 'EIO' : undefined)
      await assert.rejects(machine.run(force(log, decided(1, 7))))
      machine.disk.fault = undefined
      machine.processDied('one')
      const second = await machine.run(machine.logs().open())
      const shown = second.outcome({ epoch: 1, counter: 7 })
      machine.powerLoss()
      const third = await machine.run(machine.logs().open())
      assert.equal(third.outcome({ epoch: 1, counter: 7 }), shown, `seed ${seed}`)
      if (shown === 'committed') seenBefore += 1
    }
    assert.ok(seenBefore > 10, 'the page was readable often enough to prove something')
  })

  test('behind the scenes stops the log as well', async () => {
    for (const place of ['checkpoint', 'segment']) {
      const machine = new Machine()
      const log = await machine.run(machine.logs().open())
      machine.disk.fault = ({ kind, path }) =>
        kind === 'sync' && path.endsWith(`${place}.tmp`) && !path.includes('000002.segment')
          ? 'EIO'
          : undefined
      let failure: unknown
      for (let counter = 1; counter <= 100 && failure === undefined; counter += 1) {
        await machine.run(force(log, decided(1, counter))).catch((error) => {
          failure = error
        })
      }
      assert.ok(isAssentError(failure, 'ASSENT_LOG_FAILED'), `${place}: ${String(failure)}`)
    }
  })
})

test('a slot that another process has opened, the lock lost, is left alone', async () => {
  const machine = new Machine()
  const log = await machine.run(machine.logs('one').open())
  // As if the lock had been lost: the other process finds it free.
  const other = machine.port('other')
  await machine.run(other.create('logs/slot-0/000000000099.checkpoint'))
  const before = contentsOf(machine.disk).size
  let failure: Error | undefined
  for (let counter = 1; counter <= 60 && failure === undefined; counter += 1) {
    await machine.run(force(log, decided(1, counter))).catch((error: Error) => {
      failure = error
    })
  }
  assert.match(String(failure), /another process has opened this slot/)
  assert.equal(contentsOf(machine.disk).size, before, 'no file was made or removed')
})

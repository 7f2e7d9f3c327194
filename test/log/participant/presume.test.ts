import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import type { DecisionLog, RecordOf } from '../../../src/log/contract.ts'
import { adopt, decided, force, key, Machine, presume } from './machine.ts'

/** The row that a branch takes along. */
function rowOf(log: DecisionLog, record: RecordOf<'decided'>) {
  const row = log.carried?.rowOf(record)
  assert.ok(row)
  return row
}

describe('a decision that a branch carries', () => {
  test('stands once that has committed, without a write of the log', async () => {
    const machine = new Machine()
    const process = machine.process()
    const log = await process.logs.open()
    assert.equal(log.carried?.resource, 'orders')
    const writes = machine.table.changes.length
    const record = decided(key(log, 1))
    assert.ok(machine.table.begin().commitWith(rowOf(log, record)))
    log.carried.note(record)
    assert.equal(log.outcome(key(log, 1)), 'committed')
    assert.equal(await presume(log, key(log, 1)), 'committed')
    await machine.time.advance(5_000)
    assert.equal(machine.table.changes.length, writes)
    await process.kill()
    const next = await machine.process().logs.open()
    assert.deepEqual(next.recovered[0]?.decided, record)
  })

  test('is taken away when every branch has acknowledged, and its outcome is kept', async () => {
    const machine = new Machine()
    const log = await machine.process().logs.open()
    const record = decided(key(log, 1))
    machine.table.insertCarried(rowOf(log, record))
    log.carried?.note(record)
    log.append({ type: 'settled', transaction: key(log, 1) })
    await machine.time.advance(1_000)
    assert.equal(machine.table.rows.size, 0)
    assert.equal(log.outcome(key(log, 1)), 'committed')
  })

  test('is refused, late, when the log was opened anew meanwhile', async () => {
    const machine = new Machine()
    const paused = machine.process()
    const log = await paused.logs.open()
    const row = rowOf(log, decided(key(log, 1)))
    await paused.kill()
    await machine.process().logs.open()
    assert.equal(machine.table.begin().commitWith(row), false)
  })
})

describe('A9: to presume', () => {
  test('makes absence final: who carries the decision later can not commit', async () => {
    const machine = new Machine()
    const process = machine.process()
    const log = await process.logs.open()
    const branch = machine.table.begin()
    assert.equal(await presume(log, key(log, 1)), 'aborted')
    assert.equal(branch.commitWith(rowOf(log, decided(key(log, 1)))), false)
    assert.equal(log.outcome(key(log, 1)), 'aborted')
    await process.kill()
    const next = await machine.process().logs.open()
    assert.equal(next.outcome({ epoch: 1, counter: 1 }), 'aborted')
    assert.deepEqual(next.recovered, [])
  })

  test('finds what a dead process has committed, and leaves it to be delivered', async () => {
    const machine = new Machine()
    const [dying, sibling] = [machine.process(), machine.process()]
    const log = await dying.logs.open()
    const record = decided(key(log, 1))
    const row = rowOf(log, record)
    machine.table.insertCarried(row)
    await dying.kill()
    const next = await sibling.logs.open()
    assert.equal(await presume(next, record.transaction), 'committed')
    assert.deepEqual(
      next.unfinished().map(({ decided: found }) => found),
      [record],
    )
    next.append({ type: 'settled', transaction: record.transaction })
    await machine.time.advance(1_000)
    assert.equal(machine.table.rows.size, 0)
  })

  test('finds what is committed behind its back, unknown to it before', async () => {
    const machine = new Machine()
    const log = await machine.process().logs.open()
    const record = decided(key(log, 1))
    machine.table.insertCarried(rowOf(log, record))
    assert.equal(log.outcome(key(log, 1)), 'absent')
    assert.equal(await presume(log, key(log, 1)), 'committed')
    assert.equal(log.outcome(key(log, 1)), 'committed')
  })

  test('says that nothing is known while the table can not be asked', async () => {
    const machine = new Machine()
    const log = await machine.process().logs.open()
    machine.table.faultOf = () => 'lost-after'
    assert.ok((await presume(log, key(log, 1))) instanceof Error)
    machine.table.faultOf = () => undefined
    assert.equal(await presume(log, key(log, 1)), 'aborted')
    const forced = force(log, decided(key(log, 2)))
    assert.ok((await presume(log, key(log, 2))) instanceof Error, 'it is being written')
    await machine.time.advance(0)
    assert.equal(forced.state, 'durable')
    assert.equal(await presume(log, key(log, 2)), 'committed')
  })

  test('asks nothing where the answer is known', async () => {
    const machine = new Machine()
    const log = await machine.process().logs.open()
    log.append(decided(key(log, 1), 'aborted'))
    log.append({ type: 'settled', transaction: key(log, 1) })
    assert.equal(await presume(log, key(log, 1)), 'aborted')
    assert.ok(!machine.table.asked.includes('presume'))
  })

  test('is for its holder: one that lost its log learns nothing from an empty table', async () => {
    const machine = new Machine()
    const [paused, sibling] = [machine.process(), machine.process({ adoptAfterMs: 0 })]
    const log = await paused.logs.open()
    await sibling.logs.open()
    const record = decided(key(log, 1))
    machine.table.insertCarried(rowOf(log, record))
    machine.table.faultOf = (request) => (request === 'lock' ? 'refused' : undefined)
    machine.table.breakSession()
    await machine.time.advance(0)
    machine.table.faultOf = () => undefined
    const adopted = await adopt(machine, sibling.logs, 0)
    adopted?.append({ type: 'settled', transaction: record.transaction })
    await adopted?.close({ clean: false })
    assert.equal(machine.table.rows.size, 0, 'delivered, and taken away')
    assert.ok((await presume(log, key(log, 1))) instanceof Error)
    assert.equal(machine.table.rows.size, 0)
  })

  test('answered late, it says nothing of what was settled meanwhile', async () => {
    const machine = new Machine()
    const log = await machine.process().logs.open()
    const record = decided(key(log, 1))
    const { promise, resolve } = Promise.withResolvers<void>()
    machine.table.late = promise
    machine.table.faultOf = (request) => (request === 'presume' ? 'done-late' : undefined)
    const asked = presume(log, record.transaction)
    log.carried?.note(record)
    log.append({ type: 'settled', transaction: record.transaction })
    await machine.time.advance(1_000)
    resolve()
    assert.equal(await asked, 'committed')
    assert.equal(log.outcome(record.transaction), 'committed')
  })

  test('says nothing any more of what was settled while the question was on its way', async () => {
    const machine = new Machine()
    let process = machine.process()
    let log = await process.logs.open()
    const record = decided(key(log, 1))
    log.carried?.note(record)
    log.append({ type: 'settled', transaction: record.transaction })
    await machine.time.advance(1_000)
    // An earlier question, given up long ago, is carried out only now.
    await machine.table.presumeAborted({ log: log.identity, epoch: 1 }, record.transaction)
    await process.kill()
    process = machine.process()
    log = await process.logs.open()
    assert.equal(log.outcome(record.transaction), 'committed')
    assert.equal(await presume(log, record.transaction), 'committed')
    await machine.time.advance(70_000)
    assert.equal(machine.table.rows.size, 0, 'what was presumed for nothing is taken away')
  })
})

describe('what was presumed', () => {
  test('stays as long as a transaction is open that could have run into it', async () => {
    const machine = new Machine()
    const dying = machine.process()
    const before = await dying.logs.open()
    const branch = machine.table.begin()
    const row = rowOf(before, decided(key(before, 1)))
    await dying.kill()
    const log = await machine.process().logs.open()
    assert.equal(await presume(log, row.transaction), 'aborted')
    await machine.time.advance(180_000)
    assert.equal(machine.table.rows.size, 1)
    branch.rollback()
    await machine.time.advance(60_000)
    assert.equal(machine.table.rows.size, 0)
    assert.equal(log.outcome(row.transaction), 'aborted', 'as was told')
  })

  test('in this epoch stays until the next: a commit of ours may still be on its way', async () => {
    const machine = new Machine()
    const process = machine.process()
    const log = await process.logs.open()
    const row = rowOf(log, decided(key(log, 1)))
    assert.equal(await presume(log, key(log, 1)), 'aborted')
    await machine.time.advance(600_000)
    assert.ok(!machine.table.asked.includes('removePresumed'))
    // A batch begins, inserts and commits in one message, and this one was long on its way.
    assert.equal(machine.table.begin().commitWith(row), false)
    await process.kill()
    await machine.process().logs.open()
    await machine.time.advance(70_000)
    assert.equal(machine.table.rows.size, 0)
    assert.equal(machine.table.begin().commitWith(row), false, 'its epoch is over')
  })

  test('is asked again for when it could not be taken away', async () => {
    const machine = new Machine()
    const process = machine.process()
    const before = await process.logs.open()
    await presume(before, key(before, 1))
    await process.kill()
    const log = await machine.process().logs.open()
    machine.table.faultOf = (request) => (request === 'removePresumed' ? 'refused' : undefined)
    await machine.time.advance(70_000)
    assert.equal(machine.table.rows.size, 1)
    assert.ok(machine.table.log().holder, 'the slot is kept')
    machine.table.faultOf = () => undefined
    await machine.time.advance(60_000)
    assert.equal(machine.table.rows.size, 0)
    assert.equal(log.failure, undefined)
  })
})

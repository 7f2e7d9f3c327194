import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { codeOf } from '../../../src/core/errors.ts'
import { adopt, decided, force, key, Machine, stock } from './machine.ts'
import type { Fault, Request } from './memory-table.ts'

/** The next request of this kind meets a fault; those after it do not. */
function once(machine: Machine, request: Request, fault: Fault): void {
  let isDue = true
  machine.table.faultOf = (each) => {
    if (each !== request || !isDue) return undefined
    isDue = false
    return fault
  }
}

describe('A6: when the session that holds a log is lost', () => {
  for (const fault of ['refused', 'lost-before', 'lost-after'] as const) {
    test(`a decision that was being written (${fault}) is written once, and then durable`, async () => {
      const machine = new Machine()
      const log = await machine.process().logs.open()
      log.append(stock)
      once(machine, 'write', fault)
      const first = force(log, decided(key(log, 1)))
      await machine.time.advance(0)
      assert.equal(first.state, 'waits')
      assert.equal(log.outcome(key(log, 1)), 'unknown')
      const second = force(log, decided(key(log, 2)))
      await machine.time.advance(1_000)
      assert.deepEqual([first.state, second.state], ['durable', 'durable'])
      assert.equal(machine.table.rows.size, 2)
      assert.ok(machine.table.log().records.has('resource:0'))
      assert.equal(log.failure, undefined)
    })
  }

  for (const fault of ['hangs-before', 'hangs-after'] as const) {
    test(`a write without an answer (${fault}) is given up, and looked for`, async () => {
      const machine = new Machine()
      const log = await machine.process().logs.open()
      once(machine, 'write', fault)
      const forced = force(log, decided(key(log, 1)))
      await machine.time.advance(9_000)
      assert.equal(forced.state, 'waits')
      await machine.time.advance(2_000)
      assert.equal(forced.state, 'durable')
      assert.equal(machine.table.rows.size, 1)
    })
  }

  test('a write that hangs is not waited for once the connection is known to be gone', async () => {
    const machine = new Machine()
    const log = await machine.process().logs.open()
    once(machine, 'write', 'hangs-after')
    const forced = force(log, decided(key(log, 1)))
    await machine.time.advance(0)
    machine.table.breakSession()
    await machine.time.advance(500)
    assert.equal(forced.state, 'durable')
  })

  test('the books that were being written are written again', async () => {
    const machine = new Machine()
    const process = machine.process()
    const log = await process.logs.open()
    force(log, decided(key(log, 1)))
    await machine.time.advance(0)
    log.append({ type: 'settled', transaction: key(log, 1) })
    once(machine, 'write', 'lost-before')
    await machine.time.advance(2_000)
    assert.equal(machine.table.rows.size, 0)
    assert.ok(machine.table.log().records.has('outcomes:1:0:committed'))
  })

  test('it is locked again although nobody waits, however long the database is away', async () => {
    const machine = new Machine()
    const log = await machine.process().logs.open()
    machine.table.faultOf = () => 'refused'
    machine.table.breakSession()
    await machine.time.advance(3_600_000)
    assert.equal(log.failure, undefined)
    machine.table.faultOf = () => undefined
    await machine.time.advance(10_000)
    assert.ok(machine.table.log().holder)
    const forced = force(log, decided(key(log, 1)))
    await machine.time.advance(0)
    assert.equal(forced.state, 'durable')
  })

  test('who begins to wait in a long pause brings the next attempt forward', async () => {
    const machine = new Machine()
    const log = await machine.process().logs.open()
    machine.table.keepsLocks = true
    machine.table.breakSession()
    await machine.time.advance(60_000)
    machine.table.releaseLocks()
    // The pause has grown to seconds.
    const process = machine.table.asked.length
    const forced = force(log, decided(key(log, 1)))
    await machine.time.advance(100)
    assert.ok(machine.table.asked.length > process)
    assert.equal(forced.state, 'durable')
  })

  test('the lock that the server keeps for the dead session is waited for', async () => {
    const machine = new Machine()
    const log = await machine.process().logs.open()
    machine.table.keepsLocks = true
    machine.table.breakSession()
    const forced = force(log, decided(key(log, 1)))
    await machine.time.advance(20_000)
    assert.equal(forced.state, 'waits')
    machine.table.releaseLocks()
    await machine.time.advance(6_000)
    assert.equal(forced.state, 'durable')
  })

  test('A11: who has waited too long is told that nobody knows, and the log takes nothing more', async () => {
    const machine = new Machine()
    const process = machine.process()
    const log = await process.logs.open()
    machine.table.faultOf = () => 'refused'
    machine.table.breakSession()
    const early = force(log, decided(key(log, 1)))
    await machine.time.advance(29_000)
    const late = force(log, decided(key(log, 2)))
    await machine.time.advance(2_000)
    assert.equal(codeOf(early.state), 'ASSENT_LOG_FAILED')
    assert.equal(codeOf(late.state), 'ASSENT_LOG_FAILED')
    assert.equal(log.failure, early.state)
    const after = force(log, decided(key(log, 3)))
    await machine.time.advance(0)
    assert.equal(after.state, log.failure)
    machine.table.faultOf = () => undefined
    await machine.time.advance(60_000)
    assert.equal(machine.table.rows.size, 0)
    assert.equal((await machine.process().logs.open()).identity, log.identity)
  })

  test('A8: a log that another process has taken meanwhile fails at once, and writes nothing', async () => {
    const machine = new Machine()
    const [paused, sibling] = [machine.process(), machine.process({ adoptAfterMs: 0 })]
    const log = await paused.logs.open()
    await sibling.logs.open()
    machine.table.faultOf = (request) => (request === 'lock' ? 'refused' : undefined)
    machine.table.breakSession()
    await machine.time.advance(0)
    machine.table.faultOf = () => undefined
    const adopted = await adopt(machine, sibling.logs, 0)
    assert.equal(adopted?.identity, log.identity)
    const forced = force(log, decided(key(log, 1)))
    await machine.time.advance(6_000)
    assert.equal(codeOf(forced.state), 'ASSENT_LOG_FAILED')
    assert.match(String(forced.state), /was taken by another process/)
    assert.equal(machine.table.rows.size, 0)
    await adopted.close({ clean: true })
  })

  test('the same, when the other has given it up again', async () => {
    const machine = new Machine()
    const [paused, sibling] = [machine.process(), machine.process({ adoptAfterMs: 0 })]
    const log = await paused.logs.open()
    await sibling.logs.open()
    machine.table.faultOf = (request) => (request === 'lock' ? 'refused' : undefined)
    machine.table.breakSession()
    await machine.time.advance(0)
    machine.table.faultOf = () => undefined
    await (await adopt(machine, sibling.logs, 0))?.close({ clean: true })
    await machine.time.advance(10_000)
    assert.match(String(log.failure), /was taken by another process/)
    assert.equal(machine.table.log().isClean, true)
  })

  test('A2: a decision that stands against the one that was being written fails the log', async () => {
    const machine = new Machine()
    const log = await machine.process().logs.open()
    once(machine, 'write', 'lost-before')
    const forced = force(log, decided(key(log, 1)))
    const row = { ...decided(key(log, 1), 'aborted'), record: new Uint8Array(), log: log.identity }
    machine.table.insertCarried(row)
    await machine.time.advance(10_000)
    assert.equal(codeOf(forced.state), 'ASSENT_LOG_FAILED')
    assert.equal(machine.table.rowOf(log.identity, key(log, 1))?.decision, 'aborted')
  })

  test('a session that comes when the log is closed already is given back', async () => {
    const machine = new Machine()
    const log = await machine.process().logs.open()
    once(machine, 'lock', 'late')
    const { promise, resolve } = Promise.withResolvers<void>()
    machine.table.late = promise
    machine.table.breakSession()
    await machine.time.advance(5_000)
    const closing = log.close({ clean: true })
    await machine.time.advance(30_000)
    await closing
    assert.ok(machine.table.log().holder)
    resolve()
    await machine.time.advance(0)
    assert.equal(machine.table.log().holder, undefined)
  })
})

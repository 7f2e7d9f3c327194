import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import type { TransactionKey } from '../../../src/core/ids.ts'
import type { DecisionLog, LogRecord, RecordOf } from '../../../src/log/contract.ts'
import { decided, force, key, Machine, stock, wallMs } from './machine.ts'

const by = { by: 'ann', reason: 'seen' }

function heuristic(transaction: TransactionKey): RecordOf<'heuristic'> {
  const at = { transaction, branch: 1, resource: 0 }
  return { type: 'heuristic', ...at, kind: 'rolled-back', detail: 'by hand', wallMs }
}

/** Forces records, and answers when that is over. */
async function forceAll(machine: Machine, log: DecisionLog, records: readonly LogRecord[]) {
  const forced = records.map((record) => force(log, record))
  await machine.time.advance(0)
  for (const { state } of forced) assert.equal(state, 'durable')
}

async function reopened(machine: Machine, before: { kill(): Promise<void> }): Promise<DecisionLog> {
  await before.kill()
  return await machine.process().logs.open()
}

describe('what was forced into a decision table', () => {
  test('is found by the next opening, with everything before it', async () => {
    const machine = new Machine()
    const process = machine.process()
    const log = await process.logs.open()
    log.append(stock)
    await forceAll(machine, log, [decided(key(log, 1)), decided(key(log, 2), 'aborted')])
    const next = await reopened(machine, process)
    assert.deepEqual(next.resources(), [stock])
    assert.deepEqual(
      next.recovered.map(({ decided: record }) => record),
      [decided({ epoch: 1, counter: 1 }), decided({ epoch: 1, counter: 2 }, 'aborted')],
    )
    assert.equal(next.outcome({ epoch: 1, counter: 1 }), 'committed')
    assert.equal(next.outcome({ epoch: 1, counter: 2 }), 'aborted')
    assert.equal(next.outcome({ epoch: 1, counter: 3 }), 'absent')
    assert.equal(next.outcome({ epoch: 3, counter: 1 }), 'unknown')
  })

  test('shares one write where it waits together, and one more what came meanwhile', async () => {
    const machine = new Machine()
    const log = await machine.process().logs.open()
    const { changes } = machine.table
    const before = changes.length
    const first = [1, 2, 3].map((counter) => force(log, decided(key(log, counter))))
    await Promise.resolve()
    await Promise.resolve()
    const later = [4, 5].map((counter) => force(log, decided(key(log, counter))))
    await machine.time.advance(0)
    for (const { state } of [...first, ...later]) assert.equal(state, 'durable')
    assert.deepEqual(
      changes.slice(before).map(({ decisions }) => decisions?.length),
      [3, 2],
    )
    assert.equal(log.statistics().forcedWrites, 2)
  })

  test('tells a decision only once it is durable', async () => {
    const machine = new Machine()
    const log = await machine.process().logs.open()
    const first = force(log, decided(key(log, 1)))
    assert.equal(log.outcome(key(log, 1)), 'unknown')
    assert.equal(first.state, 'waits')
    await machine.time.advance(0)
    assert.equal(log.outcome(key(log, 1)), 'committed')
  })

  test('refuses a second decision against the one that stands', async () => {
    const machine = new Machine()
    const log = await machine.process().logs.open()
    await forceAll(machine, log, [decided(key(log, 1))])
    assert.throws(() => force(log, decided(key(log, 1), 'aborted')), { rule: 'A2' })
    await forceAll(machine, log, [decided(key(log, 1))])
  })

  test('holds an intent until its decision, and both until it is settled', async () => {
    const machine = new Machine()
    let process = machine.process()
    let log = await process.logs.open()
    const transaction = key(log, 1)
    const branches = [{ branch: 1, resource: 0, evidence: undefined }]
    log.append(stock)
    const intent: LogRecord = { type: 'intent', transaction, wallMs, last: 0, branches }
    await forceAll(machine, log, [intent])
    await process.kill()
    process = machine.process()
    log = await process.logs.open()
    assert.equal(log.outcome(transaction), 'held')
    await forceAll(machine, log, [decided(transaction, 'aborted')])
    await process.kill()
    process = machine.process()
    log = await process.logs.open()
    assert.deepEqual(log.recovered[0]?.intent, intent)
    assert.equal(log.recovered[0]?.decided?.decision, 'aborted')
    log.append({ type: 'settled', transaction })
    await machine.time.advance(1_000)
    assert.equal(machine.table.rows.size, 0)
    assert.equal(machine.table.log().records.has('transaction:1.1'), false)
    log = await reopened(machine, process)
    assert.deepEqual(log.recovered, [])
    assert.equal(log.outcome(transaction), 'aborted')
  })

  test('keeps a heuristic until an operator has seen it, and then its outcome', async () => {
    const machine = new Machine()
    const process = machine.process()
    const log = await process.logs.open()
    const transaction = key(log, 1)
    log.append(stock)
    await forceAll(machine, log, [decided(transaction), heuristic(transaction)])
    log.append({ type: 'settled', transaction })
    await machine.time.advance(1_000)
    assert.equal(machine.table.rows.size, 1, 'it is not over')
    const [left] = (await reopened(machine, process)).recovered
    assert.deepEqual([left?.settled, left?.forgotten], [true, false])
    assert.deepEqual(left?.heuristics, [heuristic(transaction)])
  })

  test('has forgotten what an operator forced it to forget', async () => {
    const machine = new Machine()
    const process = machine.process()
    const log = await process.logs.open()
    const transaction = key(log, 1)
    log.append(stock)
    await forceAll(machine, log, [decided(transaction), heuristic(transaction)])
    log.append({ type: 'settled', transaction })
    await forceAll(machine, log, [{ type: 'forgotten', transaction, wallMs: wallMs + 1, ...by }])
    const next = await reopened(machine, process)
    assert.deepEqual(next.recovered, [])
    assert.equal(next.outcome(transaction), 'mixed')
    assert.equal(machine.table.rows.size, 0)
    assert.ok(machine.table.log().records.has('act:1.1'), 'the act is kept for the audit')
  })

  test('keeps an operator’s word on a held transaction', async () => {
    const machine = new Machine()
    const process = machine.process()
    const log = await process.logs.open()
    const transaction = key(log, 1)
    const resolved: LogRecord = {
      type: 'resolved',
      transaction,
      branch: undefined,
      decision: 'committed',
      wallMs,
      ...by,
    }
    const intent: LogRecord = { type: 'intent', transaction, wallMs, last: 0, branches: [] }
    await forceAll(machine, log, [intent, resolved])
    const next = await reopened(machine, process)
    assert.deepEqual(next.recovered[0]?.resolved, [resolved])
  })

  test('says from where on absence no longer means abort', async () => {
    const machine = new Machine()
    const process = machine.process()
    const log = await process.logs.open()
    await forceAll(machine, log, [{ type: 'one-phase', transaction: key(log, 5) }])
    const next = await reopened(machine, process)
    assert.equal(next.outcome({ epoch: 1, counter: 4 }), 'absent')
    assert.equal(next.outcome({ epoch: 1, counter: 5 }), 'unknown')
  })
})

describe('what nobody waits for', () => {
  test('is written after a pause: the outcome, and in the same change the row goes', async () => {
    const machine = new Machine()
    const process = machine.process()
    const log = await process.logs.open()
    await forceAll(machine, log, [decided(key(log, 1)), decided(key(log, 2))])
    log.append({ type: 'settled', transaction: key(log, 1) })
    await machine.time.advance(1_000)
    const last = machine.table.changes.at(-1)
    assert.deepEqual(last?.settled, [{ epoch: 1, counter: 1 }])
    assert.deepEqual(
      last.records?.map(({ name }) => name),
      ['outcomes:1:0:committed'],
    )
    const next = await reopened(machine, process)
    assert.equal(next.outcome({ epoch: 1, counter: 1 }), 'committed')
    assert.deepEqual(
      next.recovered.map(({ transaction }) => transaction.counter),
      [2],
    )
  })

  test('lost in a crash, it only leaves the decision to be delivered again', async () => {
    const machine = new Machine()
    const process = machine.process()
    const log = await process.logs.open()
    await forceAll(machine, log, [decided(key(log, 1))])
    log.append({ type: 'settled', transaction: key(log, 1) })
    const next = await reopened(machine, process)
    assert.equal(next.recovered.length, 1)
    next.append({ type: 'settled', transaction: { epoch: 1, counter: 1 } })
    await machine.time.advance(1_000)
    assert.equal(machine.table.rows.size, 0)
  })

  test('leaves no row behind whose outcome it has kept already', async () => {
    const machine = new Machine()
    const process = machine.process()
    const log = await process.logs.open()
    await forceAll(machine, log, [decided(key(log, 1))])
    const [row] = machine.table.rows.entries()
    log.append({ type: 'settled', transaction: key(log, 1) })
    await machine.time.advance(1_000)
    if (row !== undefined) machine.table.rows.set(...row)
    const next = await reopened(machine, process)
    assert.deepEqual(next.recovered, [])
    await machine.time.advance(1_000)
    assert.equal(machine.table.rows.size, 0)
  })

  test('takes no record away that was written anew meanwhile', async () => {
    const machine = new Machine()
    const process = machine.process()
    const log = await process.logs.open()
    const transaction = key(log, 1)
    const intent: LogRecord = { type: 'intent', transaction, wallMs, last: 0, branches: [] }
    await forceAll(machine, log, [stock, intent, decided(transaction)])
    log.append({ type: 'settled', transaction })
    // The last resource says, late, that it went against the decision.
    await forceAll(machine, log, [heuristic(transaction)])
    await machine.time.advance(1_000)
    const next = await reopened(machine, process)
    assert.deepEqual(next.recovered[0]?.heuristics, [heuristic(transaction)])
    assert.equal(next.outcome(transaction), 'mixed')
  })

  test('is not held up to the end of the pause where much of it waits', async () => {
    const machine = new Machine()
    const log = await machine.process().logs.open()
    for (let counter = 1; counter <= 2_500; counter += 1) {
      log.carried?.note(decided(key(log, counter)))
      log.append({ type: 'settled', transaction: key(log, counter) })
    }
    await machine.time.advance(0)
    const sizes = machine.table.changes.flatMap(({ settled }) => settled?.length ?? [])
    assert.deepEqual(sizes, [1_000, 1_000, 500])
  })

  test('of one phase leaves an outcome and no row', async () => {
    const machine = new Machine()
    const process = machine.process()
    const log = await process.logs.open()
    log.append({ ...decided(key(log, 1)), protocol: 'one-phase', branches: [] })
    log.append({ type: 'settled', transaction: key(log, 1) })
    await machine.time.advance(1_000)
    assert.equal(machine.table.rows.size, 0)
    const next = await reopened(machine, process)
    assert.equal(next.outcome({ epoch: 1, counter: 1 }), 'committed')
  })

  test('goes with the close', async () => {
    const machine = new Machine()
    const log = await machine.process().logs.open()
    await forceAll(machine, log, [decided(key(log, 1))])
    log.append({ type: 'settled', transaction: key(log, 1) })
    await log.close({ clean: true })
    assert.equal(machine.table.rows.size, 0)
    assert.equal(machine.table.log().isClean, true)
    const late = force(log, decided(key(log, 2)))
    await machine.time.advance(0)
    assert.ok(late.state instanceof Error)
  })

  test('dropped before it was ever written, it leaves the mark that nothing is known', async () => {
    const machine = new Machine()
    const process = machine.process({ retention: { bytes: 0 }, tidyIntervalMs: 50 })
    const log = await process.logs.open()
    await forceAll(machine, log, [decided(key(log, 1))])
    log.append({ type: 'settled', transaction: key(log, 1) })
    await machine.time.advance(70)
    assert.ok(!machine.table.changes.some(({ settled }) => settled), 'the books are not due')
    await machine.time.advance(1_000)
    assert.equal(machine.table.rows.size, 0)
    const next = await reopened(machine, process)
    assert.equal(next.outcome({ epoch: 1, counter: 1 }), 'unknown')
  })

  test('is dropped when it is too old, and then nothing is known of it', async () => {
    const machine = new Machine()
    const process = machine.process({ retention: { ms: 3_600_000 } })
    const log = await process.logs.open()
    await forceAll(machine, log, [decided(key(log, 1))])
    log.append({ type: 'settled', transaction: key(log, 1) })
    await machine.time.advance(1_000)
    assert.ok(machine.table.log().records.has('outcomes:1:0:committed'))
    await machine.time.advance(3_700_000)
    assert.ok(!machine.table.log().records.has('outcomes:1:0:committed'))
    assert.equal(log.outcome(key(log, 1)), 'unknown')
    const next = await reopened(machine, process)
    assert.equal(next.outcome({ epoch: 1, counter: 1 }), 'unknown')
  })
})

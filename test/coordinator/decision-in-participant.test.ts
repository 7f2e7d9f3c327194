import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { isAssentError } from '../../src/core/errors.ts'
import { parseTransactionId } from '../../src/core/ids.ts'
import type { OnePhaseResult, Vote } from '../../src/participants/contract.ts'
import type { Request } from '../log/participant/memory-table.ts'
import { Gate } from './doubles/gate.ts'
import { promisesSettled } from './doubles/manual-time.ts'
import { settings, TableInstallation } from './doubles/table-installation.ts'
import { watch } from './doubles/watched.ts'

const both = ['orders', 'stock'] as const

async function open(t: test.TestContext) {
  const shop = new TableInstallation(t)
  const process = await shop.start()
  return { shop, process, coordinator: process.coordinator, ...shop, time: shop.time }
}

type Opened = Awaited<ReturnType<typeof open>>

/** A transaction that writes at both, as its caller sees it. */
function sell({ coordinator }: Opened, row = 'one') {
  let id = ''
  const call = watch(
    coordinator.transact(both, ({ orders, stock, tx }) => {
      id = tx.id
      orders.write(`order ${row}`)
      stock.write(`stock ${row}`)
      return row
    }),
  )
  return { call, id: () => id }
}

/** What the table keeps of a transaction. */
function rowOf({ table }: Opened, id: string) {
  const parts = parseTransactionId(id)
  assert.ok(parts)
  return table.rowOf(parts.log, parts)?.decision
}

/** The table refuses these, until the answered function is called. */
function refusing({ table }: Opened, ...requests: readonly Request[]): () => void {
  table.faultOf = (request) => (requests.includes(request) ? 'refused' : undefined)
  return () => {
    table.faultOf = () => undefined
  }
}

describe('the decision in a participant', () => {
  test('travels with the local commit of its branch, when all others have voted yes', async (t) => {
    const opened = await open(t)
    const { orders, stock, table, time } = opened
    await sell(opened, 'first').call.value()
    const writes = table.changes.length
    const { call, id } = sell(opened)
    const { value, protocol, settled } = await call.value()
    assert.deepEqual([value, protocol, settled], ['one', 'decision-in-participant', true])
    assert.equal(table.changes.length, writes, 'nothing is written for it')
    const calls = [...orders.calls, ...stock.calls].filter((each) => each.includes(id()))
    assert.deepEqual(
      calls.filter((each) => !/^(begin|seal)/.test(each)).map((each) => each.split(' ')[0]),
      ['commit-with-decision', 'prepare', 'commit'],
    )
    assert.equal(rowOf(opened, id()), 'committed')
    assert.equal(await opened.coordinator.outcome(id()), 'committed')
    await time.advance(1_000)
    assert.equal(table.rows.size, 0, 'what is settled leaves an outcome, and no row')
    assert.equal(await opened.coordinator.outcome(id()), 'committed')
    assert.deepEqual(orders.rows, ['order first', 'order one'])
    assert.deepEqual(stock.rows, ['stock first', 'stock one'])
  })

  test('does not travel before the resources that it names are durable in the log', async (t) => {
    const opened = await open(t)
    const { orders, table, time } = opened
    const gate = new Gate()
    table.faultOf = (request) => (request === 'write' ? 'late' : undefined)
    table.late = gate.pass()
    const early = sell(opened, 'early')
    const second = sell(opened, 'second')
    await promisesSettled()
    assert.equal(orders.count('commit-with-decision'), 0)
    gate.open()
    await promisesSettled()
    assert.equal((await early.call.value()).value, 'early')
    assert.equal((await second.call.value()).value, 'second')
    assert.ok(table.log().records.has('resource:0'))
    await time.advance(1_000)
  })

  test('is not sent where a vote is missing or against it', async (t) => {
    const opened = await open(t)
    const { orders, stock, table } = opened
    stock.on.prepare = async () => ({ vote: 'no', cause: new Error('no') })
    const { call } = sell(opened)
    assert.ok(isAssentError(await call.reason(), 'ASSENT_ABORTED_BY_VOTE'))
    assert.equal(orders.count('commit-with-decision'), 0)
    assert.equal(orders.count('rollback'), 1)
    assert.equal(table.rows.size, 0)
  })

  test('is not there where the branch could not commit', async (t) => {
    const opened = await open(t)
    const { orders, stock, table, coordinator } = opened
    const cause = new Error('a deferred constraint')
    orders.on.commitWithDecision = async () => ({ result: 'aborted', cause })
    const { call, id } = sell(opened)
    const reason = await call.reason()
    assert.ok(isAssentError(reason, 'ASSENT_ABORTED_BY_VOTE'))
    assert.equal(reason.cause, cause)
    assert.equal(stock.count('rollback', id()), 1)
    assert.equal(table.rows.size, 0)
    assert.equal(await coordinator.outcome(id()), 'aborted')
  })

  test('needs no row where nobody else has prepared', async (t) => {
    const opened = await open(t)
    const { orders, stock, table, coordinator } = opened
    stock.on.prepare = async () => ({ vote: 'read-only', ended: true })
    assert.equal((await sell(opened).call.value()).protocol, 'one-phase')
    await coordinator.transaction(['orders'], () => 1)
    assert.equal(orders.count('commit-one-phase'), 2)
    assert.equal(table.rows.size, 0)
  })

  test('is written in a transaction of its own where its resource takes no part', async (t) => {
    const opened = await open(t)
    const { coordinator, stock, parcels, table, time } = opened
    const call = watch(coordinator.transact(['stock', 'parcels'], () => 1))
    const { id = '', protocol } = await call.value()
    assert.equal(protocol, 'two-phase')
    assert.equal(rowOf(opened, id), 'committed')
    assert.deepEqual([stock.count('commit'), parcels.count('commit')], [1, 1])
    await time.advance(1_000)
    assert.equal(table.rows.size, 0)
  })

  test('is written so, too, where its branch only reads, or stands beside a last resource', async (t) => {
    const opened = await open(t)
    const { coordinator, orders, stock, table } = opened
    const reading = watch(
      coordinator.transact(['orders', 'stock', 'parcels'], () => 1, { readOnly: ['orders'] }),
    )
    assert.equal((await reading.value()).protocol, 'two-phase')
    const mailing = watch(coordinator.transact(['orders', 'stock', 'mail'], () => 1))
    const { id = '', protocol } = await mailing.value()
    assert.equal(protocol, 'last-resource')
    assert.equal(orders.count('commit-with-decision'), 0)
    assert.deepEqual([orders.count('prepare', id), stock.count('prepare', id)], [1, 1])
    assert.equal(rowOf(opened, id), 'committed')
    assert.equal(table.log().records.has('transaction:1.2'), true, 'the intent')
  })

  test('takes none of the prepared slots of its resource', async (t) => {
    const opened = await open(t)
    const { orders } = opened
    const gate = new Gate<OnePhaseResult>()
    orders.on.commitWithDecision = () => gate.pass()
    const calls = [1, 2, 3].map((each) => sell(opened, `${each}`))
    await promisesSettled()
    assert.equal(gate.waiting, 3)
    gate.open({ result: 'aborted', cause: new Error('full') })
    for (const { call } of calls) assert.ok(await call.reason())
  })
})

describe('A6: when the deciding branch does not answer', () => {
  const lost = new Error('the connection was reset')

  test('and its row is there, it has committed: the caller gets its value', async (t) => {
    const opened = await open(t)
    const { orders, stock, table, time } = opened
    orders.on.commitWithDecision = async (_, commit) => {
      commit()
      return { result: 'unknown', cause: lost }
    }
    const { call, id } = sell(opened)
    const { protocol, settled } = await call.value()
    assert.deepEqual([protocol, settled], ['decision-in-participant', true])
    assert.deepEqual(stock.rows, ['stock one'])
    await time.advance(1_000)
    assert.equal(table.rows.size, 0)
    assert.equal(await opened.coordinator.outcome(id()), 'committed')
  })

  test('and there is none, that is made final, and all roll back', async (t) => {
    const opened = await open(t)
    const { orders, stock } = opened
    let late: (() => OnePhaseResult) | undefined
    orders.on.commitWithDecision = async (_, commit) => {
      late = commit
      return { result: 'unknown', cause: lost }
    }
    const { call, id } = sell(opened)
    const reason = await call.reason()
    assert.ok(isAssentError(reason, 'ASSENT_ABORTED_BY_VOTE'))
    assert.deepEqual([reason.effect, reason.cause], ['none', lost])
    assert.equal(stock.count('rollback', id()), 1)
    assert.equal(rowOf(opened, id()), 'aborted')
    assert.equal(late?.().result, 'aborted', 'its commit comes too late')
    assert.deepEqual(orders.rows, [])
  })

  test('it is looked for at once, and the caller hears that nobody knows only in the end', async (t) => {
    const opened = await open(t)
    const { orders, stock, time, coordinator } = opened
    orders.on.commitWithDecision = async (_, commit) => {
      commit()
      return { result: 'unknown', cause: lost }
    }
    const there = refusing(opened, 'presume')
    const { call, id } = sell(opened)
    await time.advance(settings.deliveryTimeoutMs - 20)
    assert.equal((await call.now()).state, 'pending')
    assert.equal(await coordinator.outcome(id()), 'unknown')
    await time.advance(40)
    assert.ok(isAssentError(await call.reason(), 'ASSENT_OUTCOME_UNKNOWN'))
    const [waiting] = coordinator.inDoubt()
    assert.equal(waiting?.state, 'held')
    assert.match(waiting.branches[0]?.problem ?? '', /presume was refused/)
    there()
    await time.advance(20_000)
    assert.deepEqual(coordinator.inDoubt(), [])
    assert.deepEqual(stock.rows, ['stock one'])
    assert.equal(await coordinator.outcome(id()), 'committed')
  })

  test('an operator can not say what its row will say', async (t) => {
    const opened = await open(t)
    const { orders, coordinator, time } = opened
    orders.on.commitWithDecision = async () => ({ result: 'unknown', cause: lost })
    refusing(opened, 'presume')
    const { id } = sell(opened)
    await time.advance(2 * settings.deliveryTimeoutMs)
    await assert.rejects(
      coordinator.resolve(id(), 'committed', { by: 'ann', reason: 'sure' }),
      (error) => {
        assert.ok(isAssentError(error, 'ASSENT_NOT_RESOLVABLE'))
        assert.match(error.message, /waits for orders/)
        return true
      },
    )
  })

  test('its own answer settles it, when that comes first', async (t) => {
    for (const decision of ['committed', 'aborted'] as const) {
      const opened = await open(t)
      const { orders, coordinator, time } = opened
      const gate = new Gate<OnePhaseResult>()
      orders.on.commitWithDecision = async (_, commit) => {
        if (decision === 'committed') commit()
        return await gate.pass()
      }
      refusing(opened, 'presume')
      const { call, id } = sell(opened)
      await time.advance(2 * settings.deliveryTimeoutMs + 40)
      assert.ok(isAssentError(await call.reason(), 'ASSENT_OUTCOME_UNKNOWN'))
      gate.open({ result: decision, cause: lost })
      await promisesSettled()
      assert.deepEqual(coordinator.inDoubt(), [])
      assert.equal(await coordinator.outcome(id()), decision)
      await time.advance(30_000)
    }
  })

  test('closing waits for its row, and then leaves nothing', async (t) => {
    const opened = await open(t)
    const { orders, coordinator, time, table } = opened
    orders.on.commitWithDecision = async (_, commit) => {
      commit()
      return { result: 'unknown', cause: lost }
    }
    const there = refusing(opened, 'presume')
    const { call } = sell(opened)
    const closing = watch(coordinator.close({ timeoutMs: 30_000 }))
    await time.advance(3 * settings.deliveryTimeoutMs)
    assert.ok(isAssentError(await call.reason(), 'ASSENT_OUTCOME_UNKNOWN'))
    assert.equal((await closing.now()).state, 'pending')
    there()
    await time.advance(2_000)
    assert.deepEqual(await closing.value(), { undelivered: [], held: [], clean: true })
    assert.equal(table.log().isClean, true)
    assert.equal(table.rows.size, 0)
  })

  test('closing gives it up in the end, and the next process goes on with it', async (t) => {
    const opened = await open(t)
    const { shop, orders, stock, coordinator, time } = opened
    orders.on.commitWithDecision = async (_, commit) => {
      commit()
      return { result: 'unknown', cause: lost }
    }
    const there = refusing(opened, 'presume')
    sell(opened)
    const closing = watch(coordinator.close({ timeoutMs: 1_000 }))
    await time.advance(5_000)
    const report = await closing.value()
    assert.equal(report.held.length, 1)
    assert.equal(report.clean, false)
    there()
    await shop.start()
    await time.advance(100)
    assert.deepEqual(stock.rows, ['stock one'])
  })
})

describe('when a process dies that kept its decisions in a participant', () => {
  test('what its branches have committed is delivered, and nothing else', async (t) => {
    const opened = await open(t)
    const { shop, process, orders, stock, time, table } = opened
    stock.on.commit = () => new Promise(() => undefined)
    const done = sell(opened, 'done')
    await promisesSettled()
    orders.on.commitWithDecision = () => new Promise(() => undefined)
    const undone = sell(opened, 'undone')
    await promisesSettled()
    await process.crash()
    delete stock.on.commit
    const next = await shop.start()
    assert.deepEqual(stock.rows, ['stock done'])
    assert.equal(stock.prepared.size, 1)
    await time.advance(settings.sweepIntervalMs + settings.orphanIntervalMs)
    assert.equal(stock.prepared.size, 0)
    assert.deepEqual(stock.rows, ['stock done'])
    assert.equal(rowOf(opened, undone.id()), 'aborted', 'made final before it was told')
    assert.equal(await next.coordinator.outcome(done.id()), 'committed')
    assert.equal(await next.coordinator.outcome(undone.id()), 'aborted')
    await time.advance(120_000)
    assert.equal(table.rows.size, 0)
    assert.equal(await next.coordinator.outcome(undone.id()), 'aborted')
  })

  test('A9: no branch is told to roll back while absence can not be made final', async (t) => {
    const opened = await open(t)
    const { shop, process, orders, stock, time } = opened
    orders.on.commitWithDecision = () => new Promise(() => undefined)
    sell(opened)
    await promisesSettled()
    await process.crash()
    const there = refusing(opened, 'presume')
    const next = await shop.start()
    await time.advance(20_000)
    assert.equal(stock.prepared.size, 1)
    const [sighting] = next.coordinator.orphans()
    assert.match(sighting?.detail ?? '', /presume was refused/)
    there()
    await time.advance(2_000)
    assert.equal(stock.prepared.size, 0)
    assert.deepEqual(next.coordinator.orphans(), [])
  })

  test('a commit that lands between the look and the epoch is found by the sweep, and settled', async (t) => {
    const opened = await open(t)
    const { shop, process, orders, stock, time, table } = opened
    let commit: (() => OnePhaseResult) | undefined
    orders.on.commitWithDecision = (_, late) => {
      commit = late
      return new Promise(() => undefined)
    }
    const { id } = sell(opened)
    await promisesSettled()
    await process.crash()
    table.faultOf = (request) => {
      if (request === 'write') commit?.()
      return undefined
    }
    const next = await shop.start()
    assert.equal(rowOf(opened, id()), 'committed')
    assert.equal(stock.prepared.size, 1, 'the log has not seen it')
    await time.advance(settings.sweepIntervalMs + settings.orphanIntervalMs)
    assert.deepEqual(stock.rows, ['stock one'])
    assert.equal(await next.coordinator.outcome(id()), 'committed')
    await time.advance(2_000)
    assert.equal(table.rows.size, 0)
    assert.deepEqual(next.coordinator.inDoubt(), [])
  })

  test('A1: what a branch was judged to be is looked at again when its turn comes', async (t) => {
    const opened = await open(t)
    const { shop, process, orders, parcels, time, table } = opened
    let commit: (() => OnePhaseResult) | undefined
    orders.on.commitWithDecision = (_, late) => {
      commit = late
      return new Promise(() => undefined)
    }
    watch(opened.coordinator.transaction(['orders', 'stock', 'parcels'], () => 1))
    await promisesSettled()
    await process.crash()
    const [[id = '', rows = []] = []] = parcels.prepared
    parcels.prepared.delete(id)
    // As many others come before it as are finished at a time, and all hang.
    for (let other = 1; other <= 16; other += 1) {
      parcels.prepared.set(id.replace(/\.1\.\w+\.\w+$/, `.1.${(100 + other).toString(36)}.0`), [])
    }
    parcels.prepared.set(id, rows)
    parcels.on.rollback = () => new Promise(() => undefined)
    parcels.on.commit = () => new Promise(() => undefined)
    table.faultOf = (request) => {
      if (request === 'write') commit?.()
      return undefined
    }
    await shop.start()
    await time.advance(10 * settings.sweepIntervalMs)
    assert.ok(parcels.count('rollback') >= 16)
    assert.equal(parcels.count('rollback', id), 0)
    delete parcels.on.commit
    await time.advance(20_000)
    assert.equal(parcels.prepared.has(id), false, 'it has committed with the others')
  })

  test('a caller who asks is told aborted only when that is final', async (t) => {
    const opened = await open(t)
    const { shop, process, orders } = opened
    orders.on.commitWithDecision = () => new Promise(() => undefined)
    const { id } = sell(opened)
    await promisesSettled()
    await process.crash()
    const { coordinator } = await shop.start()
    const there = refusing(opened, 'presume')
    assert.equal(await coordinator.outcome(id()), 'unknown')
    there()
    assert.equal(await coordinator.outcome(id()), 'aborted')
    assert.equal(rowOf(opened, id()), 'aborted')
  })

  test('a caller who asks is not kept waiting for ever', async (t) => {
    const opened = await open(t)
    const { shop, process, orders, table, time } = opened
    orders.on.commitWithDecision = () => new Promise(() => undefined)
    const { id } = sell(opened)
    await promisesSettled()
    await process.crash()
    const { coordinator } = await shop.start()
    table.faultOf = (request) => (request === 'presume' ? 'hangs-before' : undefined)
    const asked = watch(coordinator.outcome(id()))
    await time.advance(settings.deliveryTimeoutMs + 20)
    assert.equal(await asked.value(), 'unknown')
  })
})

describe('when the log in a participant fails', () => {
  test('A11: a decision that was not sent is not sent, and every branch rolls back', async (t) => {
    const opened = await open(t)
    const { orders, stock, table, time } = opened
    table.keepsLocks = true
    table.breakSession()
    refusing(opened, 'write', 'lock')
    const { call } = sell(opened)
    await promisesSettled()
    assert.equal(stock.prepared.size, 1)
    await time.advance(40_000)
    assert.ok(isAssentError(await call.reason(), 'ASSENT_LOG_FAILED'))
    assert.equal(orders.count('commit-with-decision'), 0)
    assert.deepEqual([orders.count('rollback'), stock.count('rollback')], [1, 1])
    const late = sell(opened)
    assert.ok(isAssentError(await late.call.reason(), 'ASSENT_LOG_FAILED'))
  })

  test('A11: no decision is sent for which the votes come in when it has failed', async (t) => {
    const opened = await open(t)
    const { coordinator, orders, stock, table, time } = opened
    await sell(opened).call.value()
    const voting = new Gate<Vote>()
    stock.on.prepare = () => voting.pass()
    const late = watch(coordinator.transaction(both, () => 1, { timeoutMs: 100_000 }))
    await promisesSettled()
    table.keepsLocks = true
    table.breakSession()
    watch(coordinator.transaction(['parcels'], () => 1)) // needs the mark
    await time.advance(40_000)
    voting.open({ vote: 'yes', evidence: undefined })
    assert.ok(isAssentError(await late.reason(), 'ASSENT_LOG_FAILED'))
    assert.equal(orders.count('commit-with-decision'), 1)
    assert.equal(orders.count('rollback'), 1)
  })

  test('a session that is lost for a while holds no carried decision up', async (t) => {
    const opened = await open(t)
    const { table, time } = opened
    await sell(opened).call.value()
    table.breakSession()
    refusing(opened, 'lock')
    await sell(opened, 'two').call.value()
    table.faultOf = () => undefined
    await time.advance(10_000)
    assert.equal(table.rows.size, 0)
  })

  test('A8: who lost its log to a sibling commits nothing any more', async (t) => {
    const opened = await open(t)
    const { shop, orders, stock, table, time } = opened
    await sell(opened).call.value()
    refusing(opened, 'lock')
    table.breakSession()
    await promisesSettled()
    table.faultOf = () => undefined
    const sibling = await shop.start() // takes the slot, under the next epoch
    const { call } = sell(opened, 'late')
    assert.ok(isAssentError(await call.reason(), 'ASSENT_ABORTED_BY_VOTE'))
    assert.deepEqual(orders.rows, ['order one'])
    assert.deepEqual(stock.rows, ['stock one'])
    await time.advance(10_000)
    const last = sell(opened, 'later')
    assert.ok(isAssentError(await last.call.reason(), 'ASSENT_LOG_FAILED'))
    assert.equal(sibling.coordinator.log, 'memory:orders, slot 0')
  })

  test('closing waits no longer for what is now for the next holder to find out', async (t) => {
    const opened = await open(t)
    const { shop, coordinator, orders, table, time } = opened
    const cause = new Error('the connection was reset')
    orders.on.commitWithDecision = async () => ({ result: 'unknown', cause })
    refusing(opened, 'presume', 'lock')
    sell(opened)
    await promisesSettled()
    table.breakSession()
    await promisesSettled()
    refusing(opened, 'presume')
    await shop.start()
    await time.advance(5_000)
    const closing = watch(coordinator.close({ timeoutMs: 60_000 }))
    await time.advance(3_000)
    assert.equal((await closing.value()).held.length, 1)
  })

  test('an opening that is refused gives back what the participants had opened', async (t) => {
    const shop = new TableInstallation(t)
    shop.table.faultOf = (request) => (request === 'prepare' ? 'refused' : undefined)
    await assert.rejects(shop.start(), { code: 'ASSENT_LOG_FAILED' })
    assert.deepEqual([shop.orders.closed, shop.stock.closed], [1, 1])
  })
})

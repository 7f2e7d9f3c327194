/** The tables of a simulated database do what PostgreSQL's do, where the log over them rests on it. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import type { TableChange } from '../../src/core/decision-table.ts'
import { ConnectionLost } from '../../src/simulation/database/connection.ts'
import { refusals } from '../../src/simulation/database/messages.ts'
import { Machine } from './stage.ts'
import {
  carry,
  holder,
  identity,
  installation,
  key,
  other,
  rowOf,
  Tables,
  wanted,
} from './tables.ts'

const codeIs = (code: string) => (failure: unknown) =>
  failure instanceof Error && 'code' in failure && failure.code === code

describe('a row of a simulated decision table', () => {
  test('is waited for by who would presume, and then found', async () => {
    const tables = new Tables()
    await tables.held()
    const branch = await tables.branch()
    const carried = tables.ask(branch, carry)
    await tables.run(3) // it is being forced
    const found = tables.tableOf().presumeAborted(holder, key)
    assert.equal(tables.decisionAt(key), undefined)
    assert.equal((await tables.answer(found)).decision, 'committed')
    assert.equal(await tables.answer(carried), 'done')
    assert.equal(tables.balance, 107)
  })

  test('that was presumed is waited for by a branch, which then fails as a whole', async () => {
    const tables = new Tables()
    await tables.held()
    const branch = await tables.branch()
    const presumed = tables.tableOf().presumeAborted(holder, key)
    await tables.run(3) // it is being forced
    const carried = tables.ask(branch, carry)
    assert.equal(await tables.answer(carried), refusals.duplicateKey)
    assert.equal((await tables.answer(presumed)).decision, 'aborted')
    assert.deepEqual([tables.decisionAt(key), tables.balance], ['aborted', 100])
    assert.equal(await tables.answer(tables.ask(branch, { type: 'commit' })), '25P01')
  })

  test('that never comes leaves who presumed free to insert', async () => {
    const tables = new Tables({ forcedWriteMs: 50 })
    await tables.held()
    const branch = await tables.branch()
    tables.database.conditions = { ...tables.database.conditions, noVoteChance: 1 }
    assert.equal(await tables.answer(tables.ask(branch, carry)), refusals.deferredCheck)
    const found = tables.tableOf().presumeAborted(holder, key)
    assert.equal((await tables.answer(found)).decision, 'aborted')
  })

  test('is not waited for without end', async () => {
    const tables = new Tables({ forcedWriteMs: 500, presumptionWaitMs: 20 })
    await tables.held()
    const carried = tables.ask(await tables.branch(), carry)
    await tables.run(3)
    const given = tables.tableOf().presumeAborted(holder, key)
    await assert.rejects(tables.answer(given), codeIs(refusals.lockTimeout))
    assert.equal(await tables.answer(carried), 'done')
  })

  test('is there with its work or not at all, whenever the database crashes', async () => {
    const seen = new Set<string>()
    for (let seed = 1; seed <= 20; seed += 1) {
      const tables = new Tables({ seed })
      await tables.held()
      const lost = tables.ask(await tables.branch(), carry)
      await tables.run(4)
      tables.crash()
      await assert.rejects(tables.answer(lost), ConnectionLost)
      tables.database.restart()
      seen.add(`${tables.decisionAt(key)} ${tables.balance}`)
    }
    assert.deepEqual([...seen].sort(), ['committed 107', 'undefined 100'])
  })

  test('that was acknowledged survives a crash, as does a presumption', async () => {
    const tables = new Tables()
    await tables.held()
    await tables.answer(tables.ask(await tables.branch(), carry))
    await tables.answer(tables.tableOf().presumeAborted(holder, other))
    tables.crash()
    tables.database.restart()
    assert.deepEqual([tables.decisionAt(key), tables.decisionAt(other)], ['committed', 'aborted'])
    assert.equal(tables.balance, 107)
  })

  test('lands after its sender is gone', async () => {
    const tables = new Tables()
    await tables.held()
    const branch = await tables.branch()
    tables.ask(branch, carry).catch(() => undefined)
    branch.close() // what was sent before arrives before
    tables.client.isDead = true
    await tables.run()
    assert.deepEqual([tables.decisionAt(key), tables.balance], ['committed', 107])
  })

  for (const takesSnapshots of [false, true]) {
    const reader = takesSnapshots ? 'a snapshot' : 'what is committed'
    test(`of an epoch that is over fails as a whole, by ${reader}`, async () => {
      const tables = new Tables({ takesSnapshots })
      const session = await tables.held()
      const old = await tables.branch()
      await tables.answer(session.write({ epoch: 2 }))
      // Begun before the epoch was raised: a snapshot shows it the epoch that it began in.
      const asked = tables.answer(tables.ask(old, carry))
      assert.equal(await asked, takesSnapshots ? 'done' : refusals.notNull)
      const late = await tables.branch()
      const row = rowOf(other, 'committed')
      const refused = tables.ask(late, { type: 'commit-with-decision', row })
      assert.equal(await tables.answer(refused), refusals.notNull)
      assert.equal(tables.balance, takesSnapshots ? 107 : 100)
    })
  }
})

describe('a slot of a simulated decision table', () => {
  test('is held by one session, and given up with it', async () => {
    const tables = new Tables()
    const session = await tables.held()
    const table = tables.tableOf(new Machine('p1.0'))
    assert.equal(await tables.answer(table.lock(wanted)), undefined)
    await session.release()
    await tables.run(50)
    const next = await tables.answer(table.lock(wanted))
    assert.deepEqual(next?.log, { slot: 0, identity, epoch: 1, isClean: false })
  })

  test('is held until what its session began has ended, whoever is gone', async () => {
    const tables = new Tables({ forcedWriteMs: 100 })
    const session = await tables.held()
    session.write({ epoch: 2 }).catch(() => undefined)
    void session.release()
    const table = tables.tableOf(new Machine('p1.0'))
    await tables.run(40)
    assert.equal(await tables.answer(table.lock(wanted)), undefined)
    await tables.run(100)
    const next = await tables.answer(table.lock(wanted))
    assert.equal(next?.log.epoch, 2)
  })

  test('is free at once when the server ends its session, and its holder learns it later', async () => {
    const tables = new Tables()
    const session = await tables.held()
    const causes: unknown[] = []
    session.onLost = (cause) => causes.push(cause)
    for (const each of tables.database.slots.values()) each.terminate()
    assert.equal(causes.length, 0)
    const next = await tables.answer(tables.tableOf(new Machine('p1.0')).lock(wanted))
    assert.ok(next !== undefined)
    await tables.run()
    assert.deepEqual(
      causes.map((cause) => cause instanceof ConnectionLost),
      [true],
    )
    await assert.rejects(session.write({ epoch: 9 }), ConnectionLost)
    assert.deepEqual(
      (await tables.answer(tables.tableOf().logs(installation))).map(({ epoch }) => epoch),
      [1],
    )
  })

  test('is free after a crash of the database, and its log is what it was', async () => {
    const tables = new Tables()
    const session = await tables.held()
    const record = new Uint8Array([7])
    await tables.answer(session.write({ records: [{ name: 'mark', record }] }))
    tables.crash()
    tables.database.restart()
    const next = await tables.answer(tables.tableOf().lock(wanted))
    assert.ok(next !== undefined)
    const { records } = await tables.answer(next.read())
    assert.deepEqual(records, [{ name: 'mark', record }])
  })
})

describe('a write of who holds a slot', () => {
  test('is done as a whole or not at all', async () => {
    const tables = new Tables()
    const session = await tables.held()
    await tables.answer(tables.tableOf().presumeAborted(holder, other))
    const record = new Uint8Array([1])
    const change: TableChange = {
      decisions: [rowOf(key, 'committed'), rowOf(other, 'committed')],
      records: [{ name: 'mark', record }],
    }
    await assert.rejects(tables.answer(session.write(change)), codeIs(refusals.duplicateKey))
    const { decisions, records } = await tables.answer(session.read())
    assert.deepEqual([decisions.map((row) => row.decision), records], [['aborted'], []])
    await tables.answer(session.write({ decisions: [rowOf(key, 'committed')] }))
    await tables.answer(
      session.write({ records: [{ name: 'mark', record }], removed: [], settled: [key] }),
    )
    const later = await tables.answer(session.read())
    assert.deepEqual(
      later.decisions.map((row) => row.transaction),
      [other],
    )
    assert.deepEqual(later.records, [{ name: 'mark', record }])
  })

  test('that raises the epoch waits for a presumption of the epoch before', async () => {
    const tables = new Tables({ forcedWriteMs: 100 })
    const session = await tables.held()
    const presumed = tables.tableOf().presumeAborted(holder, key)
    await tables.run(50)
    const raised = session.write({ epoch: 2 })
    await tables.answer(presumed)
    const [log] = await tables.answer(tables.tableOf().logs(installation))
    assert.equal(log?.epoch, 1)
    await tables.answer(raised)
    const late = tables.tableOf().presumeAborted(holder, other)
    await assert.rejects(tables.answer(late), codeIs(refusals.notHolder))
  })

  test('removes a presumed row only when none is open that was open when it was written', async () => {
    const tables = new Tables()
    const session = await tables.held()
    const branch = await tables.branch()
    await tables.answer(tables.tableOf().presumeAborted(holder, key))
    const later = await tables.branch()
    assert.deepEqual(await tables.answer(session.removePresumed([key])), [])
    branch.close()
    await tables.run(50)
    assert.deepEqual(await tables.answer(session.removePresumed([key, other])), [key, other])
    assert.deepEqual([tables.removed, tables.decisionAt(key)], [['1'], undefined])
    later.close()
  })

  test('nor while one is open that was when the epoch was raised', async () => {
    const tables = new Tables()
    const session = await tables.held()
    await tables.answer(tables.tableOf().presumeAborted(holder, key))
    const branch = await tables.branch()
    await tables.answer(session.write({ epoch: 2 }))
    assert.deepEqual(await tables.answer(session.removePresumed([key])), [])
    branch.close()
    await tables.run(50)
    assert.deepEqual(await tables.answer(session.removePresumed([key])), [key])
  })

  test('never removes a decision as presumed', async () => {
    const tables = new Tables()
    const session = await tables.held()
    await tables.answer(tables.ask(await tables.branch(), carry))
    assert.deepEqual(await tables.answer(session.removePresumed([key])), [])
    assert.equal(tables.decisionAt(key), 'committed')
  })
})

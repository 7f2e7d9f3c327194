/** The tables of a simulated database do what PostgreSQL's do, where the log over them rests on it. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import type { TableChange } from '../../src/core/decision-table.ts'
import { ConnectionLost } from '../../src/simulation/database/connection.ts'
import { refusals } from '../../src/simulation/database/messages.ts'
import {
  carry,
  holder,
  identity,
  installation,
  key,
  other,
  Registry,
  rowOf,
  wanted,
} from './registry.ts'
import { Machine } from './stage.ts'

const codeIs = (code: string) => (failure: unknown) =>
  failure instanceof Error && 'code' in failure && failure.code === code

describe('a row of a simulated decision table', () => {
  test('is waited for by who would presume, and then found', async () => {
    const registry = new Registry()
    await registry.held()
    const branch = await registry.branch()
    const carried = registry.ask(branch, carry)
    await registry.run(3) // it is being forced
    const found = registry.tableOf().presumeAborted(holder, key)
    assert.equal(registry.decisionAt(key), undefined)
    assert.equal((await registry.answer(found)).decision, 'committed')
    assert.equal(await registry.answer(carried), 'done')
    assert.equal(registry.balance, 107)
  })

  test('that was presumed is waited for by a branch, which then fails as a whole', async () => {
    const registry = new Registry()
    await registry.held()
    const branch = await registry.branch()
    const presumed = registry.tableOf().presumeAborted(holder, key)
    await registry.run(3) // it is being forced
    const carried = registry.ask(branch, carry)
    assert.equal(await registry.answer(carried), refusals.duplicateKey)
    assert.equal((await registry.answer(presumed)).decision, 'aborted')
    assert.deepEqual([registry.decisionAt(key), registry.balance], ['aborted', 100])
    assert.equal(await registry.answer(registry.ask(branch, { type: 'commit' })), '25P01')
  })

  test('that never comes leaves who presumed free to insert', async () => {
    const registry = new Registry({ forcedWriteMs: 50 })
    await registry.held()
    const branch = await registry.branch()
    registry.database.conditions = { ...registry.database.conditions, noVoteChance: 1 }
    assert.equal(await registry.answer(registry.ask(branch, carry)), refusals.deferredCheck)
    const found = registry.tableOf().presumeAborted(holder, key)
    assert.equal((await registry.answer(found)).decision, 'aborted')
  })

  test('is not waited for without end', async () => {
    const registry = new Registry({ forcedWriteMs: 500, presumptionWaitMs: 20 })
    await registry.held()
    const carried = registry.ask(await registry.branch(), carry)
    await registry.run(3)
    const given = registry.tableOf().presumeAborted(holder, key)
    await assert.rejects(registry.answer(given), codeIs(refusals.lockTimeout))
    assert.equal(await registry.answer(carried), 'done')
  })

  test('is there with its work or not at all, whenever the database crashes', async () => {
    const seen = new Set<string>()
    for (let seed = 1; seed <= 20; seed += 1) {
      const registry = new Registry({ seed })
      await registry.held()
      const lost = registry.ask(await registry.branch(), carry)
      await registry.run(4)
      registry.crash()
      await assert.rejects(registry.answer(lost), ConnectionLost)
      registry.database.restart()
      seen.add(`${registry.decisionAt(key)} ${registry.balance}`)
    }
    assert.deepEqual([...seen].sort(), ['committed 107', 'undefined 100'])
  })

  test('that was acknowledged survives a crash, as does a presumption', async () => {
    const registry = new Registry()
    await registry.held()
    await registry.answer(registry.ask(await registry.branch(), carry))
    await registry.answer(registry.tableOf().presumeAborted(holder, other))
    registry.crash()
    registry.database.restart()
    assert.deepEqual(
      [registry.decisionAt(key), registry.decisionAt(other)],
      ['committed', 'aborted'],
    )
    assert.equal(registry.balance, 107)
  })

  test('lands after its sender is gone', async () => {
    const registry = new Registry()
    await registry.held()
    const branch = await registry.branch()
    registry.ask(branch, carry).catch(() => undefined)
    branch.close() // what was sent before arrives before
    registry.client.isDead = true
    await registry.run()
    assert.deepEqual([registry.decisionAt(key), registry.balance], ['committed', 107])
  })

  for (const takesSnapshots of [false, true]) {
    const reader = takesSnapshots ? 'a snapshot' : 'what is committed'
    test(`of an epoch that is over fails as a whole, by ${reader}`, async () => {
      const registry = new Registry({ takesSnapshots })
      const session = await registry.held()
      const old = await registry.branch()
      await registry.answer(session.write({ epoch: 2 }))
      // Begun before the epoch was raised: a snapshot shows it the epoch that it began in.
      const asked = registry.answer(registry.ask(old, carry))
      assert.equal(await asked, takesSnapshots ? 'done' : refusals.notNull)
      const late = await registry.branch()
      const row = rowOf(other, 'committed')
      const refused = registry.ask(late, { type: 'commit-with-decision', row })
      assert.equal(await registry.answer(refused), refusals.notNull)
      assert.equal(registry.balance, takesSnapshots ? 107 : 100)
    })
  }
})

describe('a slot of a simulated decision table', () => {
  test('is held by one session, and given up with it', async () => {
    const registry = new Registry()
    const session = await registry.held()
    const table = registry.tableOf(new Machine('p1.0'))
    assert.equal(await registry.answer(table.lock(wanted)), undefined)
    await session.release()
    await registry.run(50)
    const next = await registry.answer(table.lock(wanted))
    assert.deepEqual(next?.log, { slot: 0, identity, epoch: 1, isClean: false })
  })

  test('is held until what its session began has ended, whoever is gone', async () => {
    const registry = new Registry({ forcedWriteMs: 100 })
    const session = await registry.held()
    session.write({ epoch: 2 }).catch(() => undefined)
    void session.release()
    const table = registry.tableOf(new Machine('p1.0'))
    await registry.run(40)
    assert.equal(await registry.answer(table.lock(wanted)), undefined)
    await registry.run(100)
    const next = await registry.answer(table.lock(wanted))
    assert.equal(next?.log.epoch, 2)
  })

  test('is free at once when the server ends its session, and its holder learns it later', async () => {
    const registry = new Registry()
    const session = await registry.held()
    const causes: unknown[] = []
    session.onLost = (cause) => causes.push(cause)
    for (const each of registry.database.slots.values()) each.terminate()
    assert.equal(causes.length, 0)
    const next = await registry.answer(registry.tableOf(new Machine('p1.0')).lock(wanted))
    assert.ok(next !== undefined)
    await registry.run()
    assert.deepEqual(
      causes.map((cause) => cause instanceof ConnectionLost),
      [true],
    )
    await assert.rejects(session.write({ epoch: 9 }), ConnectionLost)
    assert.deepEqual(
      (await registry.answer(registry.tableOf().logs(installation))).map(({ epoch }) => epoch),
      [1],
    )
  })

  test('is free after a crash of the database, and its log is what it was', async () => {
    const registry = new Registry()
    const session = await registry.held()
    const record = new Uint8Array([7])
    await registry.answer(session.write({ records: [{ name: 'mark', record }] }))
    registry.crash()
    registry.database.restart()
    const next = await registry.answer(registry.tableOf().lock(wanted))
    assert.ok(next !== undefined)
    const { records } = await registry.answer(next.read())
    assert.deepEqual(records, [{ name: 'mark', record }])
  })
})

describe('a write of who holds a slot', () => {
  test('is done as a whole or not at all', async () => {
    const registry = new Registry()
    const session = await registry.held()
    await registry.answer(registry.tableOf().presumeAborted(holder, other))
    const record = new Uint8Array([1])
    const change: TableChange = {
      decisions: [rowOf(key, 'committed'), rowOf(other, 'committed')],
      records: [{ name: 'mark', record }],
    }
    await assert.rejects(registry.answer(session.write(change)), codeIs(refusals.duplicateKey))
    const { decisions, records } = await registry.answer(session.read())
    assert.deepEqual([decisions.map((row) => row.decision), records], [['aborted'], []])
    await registry.answer(session.write({ decisions: [rowOf(key, 'committed')] }))
    await registry.answer(
      session.write({ records: [{ name: 'mark', record }], removed: [], settled: [key] }),
    )
    const later = await registry.answer(session.read())
    assert.deepEqual(
      later.decisions.map((row) => row.transaction),
      [other],
    )
    assert.deepEqual(later.records, [{ name: 'mark', record }])
  })

  test('that raises the epoch waits for a presumption of the epoch before', async () => {
    const registry = new Registry({ forcedWriteMs: 100 })
    const session = await registry.held()
    const presumed = registry.tableOf().presumeAborted(holder, key)
    await registry.run(50)
    const raised = session.write({ epoch: 2 })
    await registry.answer(presumed)
    const [log] = await registry.answer(registry.tableOf().logs(installation))
    assert.equal(log?.epoch, 1)
    await registry.answer(raised)
    const late = registry.tableOf().presumeAborted(holder, other)
    await assert.rejects(registry.answer(late), codeIs(refusals.notHolder))
  })

  test('removes a presumed row only when none is open that was open when it was written', async () => {
    const registry = new Registry()
    const session = await registry.held()
    const branch = await registry.branch()
    await registry.answer(registry.tableOf().presumeAborted(holder, key))
    const later = await registry.branch()
    assert.deepEqual(await registry.answer(session.removePresumed([key])), [])
    branch.close()
    await registry.run(50)
    assert.deepEqual(await registry.answer(session.removePresumed([key, other])), [key, other])
    assert.deepEqual([registry.removed, registry.decisionAt(key)], [['1'], undefined])
    later.close()
  })

  test('nor while one is open that was when the epoch was raised', async () => {
    const registry = new Registry()
    const session = await registry.held()
    await registry.answer(registry.tableOf().presumeAborted(holder, key))
    const branch = await registry.branch()
    await registry.answer(session.write({ epoch: 2 }))
    assert.deepEqual(await registry.answer(session.removePresumed([key])), [])
    branch.close()
    await registry.run(50)
    assert.deepEqual(await registry.answer(session.removePresumed([key])), [key])
  })

  test('never removes a decision as presumed', async () => {
    const registry = new Registry()
    const session = await registry.held()
    await registry.answer(registry.ask(await registry.branch(), carry))
    assert.deepEqual(await registry.answer(session.removePresumed([key])), [])
    assert.equal(registry.decisionAt(key), 'committed')
  })
})

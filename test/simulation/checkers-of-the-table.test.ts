/** The checker of the tables that keep decisions sees each breach, and passes what is right. */
import assert from 'node:assert/strict'
import { beforeEach, describe, test } from 'node:test'

import type { Decision } from '../../src/core/decision.ts'
import type { DecisionRow } from '../../src/core/decision-table.ts'
import type { InstallationName, LogIdentity, TransactionId } from '../../src/core/ids.ts'
import { encodeRecords } from '../../src/log/participant/record-bytes.ts'
import { DurableRecords } from '../../src/simulation/checkers/durable-records.ts'
import { Facts } from '../../src/simulation/checkers/facts.ts'
import { Owners } from '../../src/simulation/checkers/owners.ts'
import { TableWatch } from '../../src/simulation/checkers/table-watch.ts'
import type { SimulatedDisk } from '../../src/simulation/disk.ts'
import { decided } from '../log/records.ts'
import { Machine, Stage } from './stage.ts'

const identity = '0123456789abc' as LogIdentity

describe('what a table keeps', () => {
  const installation = 'sim' as InstallationName
  const key = { epoch: 1, counter: 1 }
  const id = `sim.${identity}.1.1` as TransactionId
  const held = { slot: 0, identity, epoch: 1, isClean: false }
  const empty = new Uint8Array()
  let stage: Stage
  let facts: Facts
  let durable: DurableRecords
  let owners: Owners
  let left: string[]
  let watch: TableWatch

  beforeEach(() => {
    stage = new Stage()
    facts = new Facts()
    const nothing = { durableFiles: () => new Map() } as unknown as SimulatedDisk
    durable = new DurableRecords(nothing, stage.broken)
    const { broken } = stage
    owners = new Owners(broken, { canLoseLocks: true })
    left = []
    watch = new TableWatch({
      installation,
      facts,
      durable,
      owners,
      broken,
      count: () => undefined,
      nowMs: () => stage.scheduler.nowMs,
      preparedOf: () => left,
    })
  })

  const rowOf = (decision: Decision): DecisionRow => {
    const record = encodeRecords([{ ...decided(1, 1), decision }])
    return { log: identity, transaction: key, decision, record }
  }
  const presumed: DecisionRow = { ...rowOf('aborted'), record: empty }

  test('a row, a presumption and a record are durable, and for ever then', () => {
    assert.equal(durable.decisionOf(id), undefined)
    watch.inserted(rowOf('committed'))
    watch.removed(rowOf('committed'), false)
    assert.equal(durable.decisionOf(id), 'committed')
    watch.inserted({ ...presumed, transaction: { epoch: 1, counter: 2 } })
    assert.equal(durable.decisionOf(`sim.${identity}.1.2` as TransactionId), 'aborted')
    const resource = {
      type: 'resource',
      number: 3,
      name: 'db0',
      kind: '',
      fingerprint: '',
    } as const
    const act = { type: 'audit', act: resolvedAct } as const
    const records = [
      { name: 'resource:3', record: encodeRecords([resource]) },
      { name: 'act:1.1', record: encodeRecords([act]) },
    ]
    watch.changing(held, { epoch: 2, records }, 'p0.0')
    assert.deepEqual(
      [durable.hasResource(identity, 3), durable.hasResource(identity, 4)],
      [true, false],
    )
    assert.equal(durable.isResolved(id, 'committed'), true)
    assert.deepEqual(stage.rules, [])
  })

  const resolvedAct = {
    type: 'resolved',
    transaction: key,
    branch: undefined,
    decision: 'committed',
    wallMs: 0,
    by: 'somebody',
    reason: 'some reason',
  } as const

  test('a presumption that lands when all is over decides nothing', () => {
    watch.inserted(rowOf('committed'))
    watch.removed(rowOf('committed'), false)
    watch.inserted(presumed)
    assert.deepEqual([durable.decisionOf(id), stage.rules], ['committed', []])
  })

  test('A2: committed over aborted, and a presumed row that is removed too early', () => {
    watch.inserted(presumed)
    watch.removed(presumed, false)
    assert.deepEqual(stage.rules, [])
    watch.removed(presumed, true)
    assert.deepEqual(stage.rules, ['A2'])
    watch.inserted(rowOf('committed'))
    assert.ok(stage.rules.length > 1 && stage.rules.every((rule) => rule === 'A2'))
  })

  test('A8: an epoch that is not above the last one', () => {
    watch.changing(held, { epoch: 2 }, 'p0.0')
    watch.changing(held, { epoch: 1 }, 'p0.0')
    assert.deepEqual(stage.rules, ['A8'])
  })

  test('A8: one writes whose log another has opened since', () => {
    watch.changing(held, { epoch: 2 }, 'p0.0')
    watch.changing({ ...held, epoch: 2 }, { epoch: 3 }, 'p1.0')
    watch.changing({ ...held, epoch: 3 }, {}, 'p1.0')
    assert.deepEqual(stage.rules, [])
    watch.changing({ ...held, epoch: 3 }, {}, 'p0.0')
    assert.deepEqual(stage.rules, ['A8'])
  })

  test('A10: a row is removed while a branch is prepared', () => {
    const found = facts.begun(id, 'p0.0')
    const changes = new Map()
    found.done.set('db1', { state: 'committed', changes, isByHand: false })
    watch.removed(rowOf('committed'), false)
    assert.deepEqual(stage.rules, [])
    found.done.set('db1', { state: 'prepared', changes, isByHand: false })
    watch.removed(rowOf('committed'), false)
    assert.deepEqual(stage.rules, ['A10'])
  })

  test('A10: a log is declared clean while a branch of it is prepared', () => {
    const one = new Machine('p0.0')
    owners.opened(identity, 1, one)
    owners.closed(identity, one, false)
    assert.deepEqual(owners.unattended(), [identity])
    watch.changing(held, { epoch: 2, isClean: false }, 'p0.0')
    watch.changing(held, { isClean: true }, 'p0.0')
    assert.deepEqual([owners.unattended(), stage.rules], [[], []])
    left = ['assent.sim.0123456789abc.1.1.0']
    watch.changing(held, { isClean: true }, 'p0.0')
    assert.deepEqual(stage.rules, ['A10'])
  })

  test('a row was there for whoever locked the log after it, and still has it', async () => {
    const opens = (client: string, epoch: number): void => {
      watch.locked(held, client)
      watch.changing({ ...held, epoch: epoch - 1 }, { epoch }, client)
    }
    opens('p0.0', 2)
    await stage.run(10)
    watch.inserted(rowOf('committed'))
    await stage.run(10)
    watch.locked(held, 'p1.0') // only to look
    watch.locked(held, 'p0.0') // lost, and taken again
    assert.equal(watch.wasThere(id, identity, 'p0.0'), false)
    opens('p1.0', 3)
    assert.equal(watch.wasThere(id, identity, 'p1.0'), true)
    assert.equal(watch.wasThere(id, identity, 'p0.0'), false)
  })
})

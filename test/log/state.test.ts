import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { BrokenInvariant } from '../../src/core/invariant.ts'
import type { StoredRecord } from '../../src/log/records.ts'
import { LogState } from '../../src/log/state.ts'
import { decided, forgotten, heuristic, intent, settled, wallMs } from './records.ts'

const hourMs = 3_600_000
const day = { ageMs: 24 * hourMs, bytes: 1_000_000 }

/** A log opened under epochs 1 to 3, one an hour, with these records. */
function stateWith(...records: StoredRecord[]): LogState {
  const state = new LogState()
  for (let epoch = 1; epoch <= 3; epoch += 1) {
    state.apply({ type: 'epoch', epoch, wallMs: wallMs + epoch * hourMs })
  }
  for (const record of records) state.apply(record)
  return state
}

function remade(state: LogState): LogState {
  const again = new LogState()
  for (const record of state.records()) again.apply(record)
  return again
}

const resolvedHeld: StoredRecord = {
  type: 'resolved',
  transaction: { epoch: 3, counter: 4 },
  branch: undefined,
  decision: 'committed',
  wallMs,
  by: 'ada',
  reason: 'the branch is there',
}

describe('what is unfinished', () => {
  test('a decision is unfinished until it is settled, and its outcome is kept', () => {
    const state = stateWith(decided(3, 1), decided(3, 2, 'aborted'))
    assert.deepEqual(
      state.unfinished().map(({ transaction }) => transaction.counter),
      [1, 2],
    )
    assert.equal(state.outcome({ epoch: 3, counter: 1 }), 'committed')
    state.apply(settled(3, 1))
    state.apply(settled(3, 2))
    assert.deepEqual(state.unfinished(), [])
    assert.equal(state.outcome({ epoch: 3, counter: 1 }), 'committed')
    assert.equal(state.outcome({ epoch: 3, counter: 2 }), 'aborted')
  })

  test('an intent without a decision is held, also when an operator has spoken', () => {
    const state = stateWith(intent(3, 4), resolvedHeld)
    assert.equal(state.outcome({ epoch: 3, counter: 4 }), 'held')
    const [held] = state.unfinished()
    assert.deepEqual(held?.intent, intent(3, 4))
    assert.deepEqual(held?.resolved, [resolvedHeld])
    state.apply(decided(3, 4))
    assert.equal(state.outcome({ epoch: 3, counter: 4 }), 'committed')
  })

  test('A10: what is held can not be settled without a decision', () => {
    assert.throws(() => stateWith(intent(3, 4), settled(3, 4)), BrokenInvariant)
  })

  test('a heuristic stays until it is settled and forgotten, in either order', () => {
    const after = stateWith(decided(3, 1), heuristic(3, 1), settled(3, 1))
    assert.equal(after.unfinished().length, 1)
    assert.equal(after.outcome({ epoch: 3, counter: 1 }), 'mixed')
    after.apply(forgotten(3, 1))
    const before = stateWith(decided(3, 1), heuristic(3, 1), forgotten(3, 1))
    assert.equal(before.unfinished()[0]?.forgotten, true)
    before.apply(settled(3, 1))
    for (const state of [after, before]) {
      assert.deepEqual(state.unfinished(), [])
      assert.equal(state.outcome({ epoch: 3, counter: 1 }), 'mixed')
    }
  })

  test('a heuristic of a presumed abort, or of a settled commit, is found unfinished', () => {
    const presumed = stateWith(heuristic(3, 1, 'committed'))
    assert.equal(presumed.outcome({ epoch: 3, counter: 1 }), 'mixed')
    const late = stateWith(decided(3, 1), settled(3, 1), heuristic(3, 1, 'hazard'))
    assert.equal(late.outcome({ epoch: 3, counter: 1 }), 'hazard')
    for (const state of [presumed, late]) {
      assert.equal(state.unfinished().length, 1)
      state.apply(forgotten(3, 1))
      assert.deepEqual(state.unfinished(), [])
    }
    assert.equal(presumed.outcome({ epoch: 3, counter: 1 }), 'mixed')
    assert.equal(late.outcome({ epoch: 3, counter: 1 }), 'hazard')
  })

  test('a heuristic that agrees with the decision is not mixed', () => {
    const state = stateWith(decided(3, 1), heuristic(3, 1, 'committed'))
    assert.equal(state.outcome({ epoch: 3, counter: 1 }), 'committed')
    assert.equal(state.unfinished().length, 1)
  })

  test('what is learnt later of a branch replaces what was known', () => {
    const state = stateWith(decided(3, 1), heuristic(3, 1, 'hazard'), heuristic(3, 1, 'committed'))
    assert.equal(state.unfinished()[0]?.heuristics.length, 1)
    assert.equal(state.outcome({ epoch: 3, counter: 1 }), 'committed')
  })

  test('records that come late to what is over, or never was, change nothing', () => {
    const state = stateWith(decided(3, 1), settled(3, 1))
    for (const record of [settled(3, 1), settled(3, 9), forgotten(3, 9), intent(3, 1)]) {
      state.apply(record)
    }
    state.apply(decided(3, 1))
    assert.deepEqual(state.unfinished(), [])
  })
})

describe('A2', () => {
  test('a second decision that differs is a broken invariant, settled or not', () => {
    const different = decided(3, 1, 'aborted')
    assert.throws(() => stateWith(decided(3, 1), different), /A2/)
    assert.throws(() => stateWith(decided(3, 1), settled(3, 1), different), /A2/)
  })

  test('the same decision again changes nothing', () => {
    const again = decided(3, 1, 'committed', { protocol: 'other', branches: [] })
    const state = stateWith(decided(3, 1), again)
    assert.deepEqual(state.unfinished()[0]?.decided, decided(3, 1))
  })
})

describe('A9: what absence means', () => {
  test('absent only for an epoch that was used, and below a one-phase mark', () => {
    const state = stateWith({ type: 'one-phase', transaction: { epoch: 2, counter: 10 } })
    const cases = [
      [0, 1, 'unknown'],
      [1, 1, 'absent'],
      [2, 9, 'absent'],
      [2, 10, 'unknown'],
      [2, 11, 'unknown'],
      [3, 1, 'absent'],
      [4, 1, 'unknown'],
    ] as const
    for (const [epoch, counter, expected] of cases) {
      assert.equal(state.outcome({ epoch, counter }), expected, `${epoch}.${counter}`)
    }
  })

  test('a second one-phase mark of an epoch can only lower it', () => {
    const state = stateWith(
      { type: 'one-phase', transaction: { epoch: 3, counter: 10 } },
      { type: 'one-phase', transaction: { epoch: 3, counter: 20 } },
      { type: 'one-phase', transaction: { epoch: 3, counter: 5 } },
    )
    assert.equal(state.outcome({ epoch: 3, counter: 4 }), 'absent')
    assert.equal(state.outcome({ epoch: 3, counter: 5 }), 'unknown')
  })

  test('what age drops is unknown, and everything below it; what is above stays absent', () => {
    const state = stateWith(decided(3, 70_000), settled(3, 70_000))
    state.apply(decided(3, 140_000, 'committed', { wallMs: wallMs + 20 * hourMs }))
    state.apply(settled(3, 140_000))
    state.retire(wallMs + 25 * hourMs, day)
    assert.equal(state.outcome({ epoch: 3, counter: 70_000 }), 'unknown')
    assert.equal(state.outcome({ epoch: 3, counter: 1 }), 'unknown')
    assert.equal(state.outcome({ epoch: 3, counter: 70_001 }), 'absent')
    assert.equal(state.outcome({ epoch: 3, counter: 140_000 }), 'committed')
  })

  test('an epoch that ended longer ago than the retention is unknown, with its one-phase mark', () => {
    const state = stateWith({ type: 'one-phase', transaction: { epoch: 1, counter: 10 } })
    state.retire(wallMs + 26.5 * hourMs, day)
    assert.equal(state.outcome({ epoch: 1, counter: 1 }), 'unknown')
    assert.equal(state.outcome({ epoch: 2, counter: 1 }), 'absent')
    assert.ok(!state.records().some(({ type }) => type === 'one-phase'))
    state.retire(wallMs + 1000 * hourMs, day)
    assert.equal(state.outcome({ epoch: 2, counter: 1 }), 'unknown')
    assert.equal(state.outcome({ epoch: 3, counter: 1 }), 'absent', 'the present epoch stays')
  })

  test('unfinished transactions are never dropped, whatever their age', () => {
    const state = stateWith(decided(1, 1), intent(1, 2), heuristic(1, 3))
    state.retire(wallMs + 10_000 * hourMs, { ageMs: 0, bytes: 0 })
    assert.equal(state.unfinished().length, 3)
    assert.equal(state.outcome({ epoch: 1, counter: 1 }), 'committed')
    assert.equal(state.outcome({ epoch: 1, counter: 2 }), 'held')
  })

  test('thousands of openings within the retention stay bounded', () => {
    const state = new LogState()
    for (let epoch = 1; epoch <= 6000; epoch += 1) state.apply({ type: 'epoch', epoch, wallMs })
    state.retire(wallMs, day)
    assert.ok(state.records().length < 4200)
    assert.equal(state.outcome({ epoch: 1, counter: 1 }), 'unknown')
    assert.equal(state.outcome({ epoch: 5999, counter: 1 }), 'absent')
  })
})

test('a state made again from its own records says the same', () => {
  const acts = Array.from(
    { length: 5 },
    (_, index): StoredRecord => ({
      type: 'stranger-resolved',
      id: `stranger-${index}`,
      resource: 1,
      decision: 'aborted',
      wallMs: wallMs + 5 - index,
      by: 'ada',
      reason: 'left over',
    }),
  )
  const state = stateWith(
    { type: 'resource', number: 1, name: 'orders', kind: 'postgres', fingerprint: 'a' },
    { type: 'resource', number: 2, name: 'stock', kind: 'postgres', fingerprint: 'b' },
    { type: 'one-phase', transaction: { epoch: 2, counter: 10 } },
    { type: 'low-water', transaction: { epoch: 1, counter: 3 } },
    decided(3, 1),
    settled(3, 1),
    decided(3, 2),
    intent(3, 4),
    resolvedHeld,
    decided(3, 5),
    heuristic(3, 5),
    forgotten(3, 5),
    decided(3, 6),
    heuristic(3, 6),
    settled(3, 6),
    heuristic(3, 7, 'committed'),
    ...acts,
  )
  const again = remade(state)
  assert.deepEqual(
    again.unfinished().map((each) => JSON.stringify(each)),
    state.unfinished().map((each) => JSON.stringify(each)),
  )
  assert.deepEqual(again.resources(), state.resources())
  assert.deepEqual(again.acts(), state.acts())
  assert.equal(again.acts().length, 7)
  assert.equal(again.epoch, 3)
  for (let epoch = 0; epoch <= 4; epoch += 1) {
    for (let counter = 0; counter < 15; counter += 1) {
      const key = { epoch, counter }
      assert.equal(again.outcome(key), state.outcome(key), `${epoch}.${counter}`)
    }
  }
  assert.deepEqual(again.records(), state.records())
})

test('an orderly end is known until anything else happens', () => {
  const state = stateWith({ type: 'closed', clean: true, wallMs })
  assert.equal(state.closed?.clean, true)
  state.apply({ type: 'epoch', epoch: 4, wallMs })
  assert.equal(state.closed, undefined)
})

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { BrokenInvariant } from '../../../src/core/invariant.ts'
import type { State } from '../../../src/protocol/two-phase/state.ts'
import { decisionOf, isOver } from '../../../src/protocol/two-phase/state.ts'
import { mayStillAbort, step } from '../../../src/protocol/two-phase/step.ts'
import type { Role } from './environment.ts'
import { type Exploration, explore } from './exploration.ts'
import {
  branchesInWords,
  effectsInWords,
  phaseInWords,
  type Row,
  readStateTable,
} from './state-table.ts'

const rows = readStateTable()
const explorations = new Map<string, Exploration>()

function explored(roles: readonly Role[]): Exploration {
  const found = explorations.get(roles.join()) ?? explore(roles)
  explorations.set(roles.join(), found)
  return found
}

function rolesOf({ branches }: State): Role[] {
  return branches.map(({ role, onePhase }) => {
    if (role !== 'two-phase') return role
    return onePhase ? 'one' : 'two'
  })
}

describe('a step does what the state table of docs/protocols/two-phase.md says', () => {
  for (const row of rows) {
    test(row.text, () => {
      const { state, effects } = step(row.state, row.event)
      assert.deepEqual(
        [phaseInWords(state), branchesInWords(state), effectsInWords(effects)],
        [row.next, row.branchesThen, row.effects],
      )
    })
  }
})

describe('the state table', () => {
  test('begins each row at a state that can be reached', () => {
    const unreachable = rows.filter((row) => !isReachable(row))
    assert.deepEqual(
      unreachable.map(({ text }) => text),
      [],
    )
  })

  test('has a row for every pair of state and event that does something, and for no other', () => {
    const moves = new Set(
      [['one'], ['two', 'two'], ['two', 'last'], ['two', 'deciding']].flatMap((roles) => [
        ...explored(roles as Role[]).moves,
      ]),
    )
    const listed = new Set(
      rows
        .filter(({ event }) => event.type !== 'join')
        .map(({ state, event }) => `${state.phase} ${event.type}`),
    )
    assert.deepEqual([...listed].sort(), [...moves].sort())
  })
})

function isReachable({ state }: Row): boolean {
  const wanted = `${phaseInWords(state)} ${branchesInWords(state)}`
  const { states } = explored(rolesOf(state))
  return states.some((each) => `${phaseInWords(each)} ${branchesInWords(each)}` === wanted)
}

describe('a step refuses', () => {
  const preparing = stateOf('preparing')
  const broken: readonly (readonly [string, State, Parameters<typeof step>[1], string])[] = [
    [
      'a branch that joins late',
      preparing,
      { type: 'join', role: 'two-phase', onePhase: false },
      'A4',
    ],
    ['a record that nobody waits for', preparing, { type: 'recorded' }, 'A3'],
    [
      'a failed record that nobody waits for',
      stateOf('committing'),
      { type: 'not-recorded' },
      'A3',
    ],
  ]
  for (const [name, state, event, rule] of broken) {
    test(`${name}, as a broken ${rule}`, () => {
      assert.throws(
        () => step(state, event),
        (error) => error instanceof BrokenInvariant && error.rule === rule,
      )
    })
  }

  test('nothing of an answer for a branch that is not there', () => {
    const late = step(preparing, { type: 'voted', branch: 7, vote: 'yes' })
    assert.equal(late.state, preparing)
    assert.deepEqual(late.effects, [])
  })
})

test('a transaction that aborted waits no longer for the mark that was being forced', () => {
  for (const answer of ['recorded', 'not-recorded', 'refused'] as const) {
    const aborted = step(stateOf('recording-one-phase', 'active'), { type: 'abort' }).state
    const late = step(aborted, { type: answer })
    assert.equal(late.state, aborted, answer)
    assert.deepEqual(late.effects, [], answer)
  }
})

test('a decision may be told in exactly the phases that follow its durable record', () => {
  assert.equal(decisionOf(stateOf('recording-decision')), undefined)
  assert.equal(decisionOf(stateOf('committing')), 'committed')
  assert.equal(decisionOf(stateOf('committed')), 'committed')
  assert.equal(decisionOf(stateOf('rolling-back')), 'aborted')
  assert.equal(decisionOf(stateOf('aborted')), 'aborted')
  const untold = ['held', 'in-doubt', 'unknown', 'committing-last', 'committing-with-decision']
  for (const phase of untold as State['phase'][]) {
    assert.equal(decisionOf(stateOf(phase)), undefined, phase)
  }
})

test('only a transaction without a forced record of its own may still be aborted', () => {
  const mayAbort = ['active', 'preparing', 'recording-one-phase'] as const
  for (const phase of mayAbort) assert.ok(mayStillAbort(phase), phase)
  const tooLate = ['recording-intent', 'committing-last', 'recording-decision', 'held'] as const
  for (const phase of tooLate) assert.ok(!mayStillAbort(phase), phase)
  assert.ok(!mayStillAbort('committing-with-decision'))
})

test('a transaction that is held, in doubt or being delivered is not over', () => {
  for (const phase of ['held', 'in-doubt', 'committing', 'rolling-back'] as const) {
    assert.ok(!isOver(phase), phase)
  }
  for (const phase of ['committed', 'aborted', 'unknown'] as const) assert.ok(isOver(phase), phase)
})

function stateOf(phase: State['phase'], branch: 'preparing' | 'active' = 'preparing'): State {
  return {
    phase,
    decision: undefined,
    branches: [{ phase: branch, role: 'two-phase', onePhase: true }],
  }
}

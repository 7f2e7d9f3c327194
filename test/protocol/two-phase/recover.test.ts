import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { recover } from '../../../src/protocol/two-phase/recover.ts'
import type { BranchRole } from '../../../src/protocol/two-phase/state.ts'
import { branchesInWords, effectsInWords, phaseInWords } from './state-table.ts'

type Recorded = Parameters<typeof recover>[0]

function inWords(recorded: Recorded): string[] {
  const { state, effects } = recover(recorded)
  return [phaseInWords(state), branchesInWords(state), effectsInWords(effects)]
}

function branch(role: BranchRole = 'two-phase', ended = false): Recorded['branches'][number] {
  return { role, ended }
}

describe('from its log, a transaction', () => {
  test('with a commit goes on to deliver it to every branch', () => {
    const branches = [branch(), branch()]
    assert.deepEqual(inWords({ decision: 'committed', branches }), [
      'committing',
      'committing, committing',
      'decided, commit 0, commit 1',
    ])
  })

  test('with an abort goes on to roll back every branch', () => {
    assert.deepEqual(inWords({ decision: 'aborted', branches: [branch(), branch()] }), [
      'rolling-back',
      'rolling-back, rolling-back',
      'decided, roll-back 0, roll-back 1',
    ])
  })

  test('with a decision delivers nothing to a branch that is known to be over', () => {
    const branches = [branch('two-phase', true), branch()]
    assert.deepEqual(inWords({ decision: 'committed', branches }), [
      'committing',
      'ended, committing',
      'decided, commit 1',
    ])
  })

  test('whose branches are all over is settled at once', () => {
    const branches = [branch('two-phase', true)]
    assert.deepEqual(inWords({ decision: 'committed', branches }), [
      'committed',
      'ended',
      'decided, settled',
    ])
    assert.deepEqual(inWords({ decision: 'aborted', branches: [] }), [
      'aborted',
      '-',
      'decided, settled',
    ])
  })

  test('with an intent and no decision is held: its prepared branches are told nothing', () => {
    const { state, effects } = recover({
      decision: undefined,
      branches: [branch(), branch('last'), branch()],
    })
    assert.equal(state.phase, 'held')
    assert.equal(state.decision, undefined)
    assert.deepEqual(
      state.branches.map(({ phase }) => phase),
      ['prepared', 'committing-one-phase', 'prepared'],
    )
    assert.deepEqual(effects, [{ type: 'held' }])
  })
})

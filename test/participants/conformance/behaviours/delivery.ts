/** Decisions and how they arrive: once, twice, late, by another process, and for nothing. */
import assert from 'node:assert/strict'

import { nextIds } from '../../../harness/branch-ids.ts'
import type { Behaviour } from '../behaviour.ts'
import { done } from '../stage.ts'

const decisions = ['commit', 'rollback'] as const

export const delivery: readonly Behaviour[] = [
  {
    name: 'a decision ends the branch as it says, and leaves nothing prepared',
    needs: ['prepare'],
    tryOn: async (stage) => {
      const tried = await stage.open()
      for (const decision of decisions) {
        const { branch, key } = await tried.prepared()
        await branch.ends(decision)
        assert.equal(await stage.subject.isPrepared(branch.id), false)
        assert.equal(await stage.subject.isVisible(key), decision === 'commit')
      }
    },
  },
  {
    name: 'a decision that is told again is done again, and changes nothing',
    needs: ['prepare'],
    tryOn: async (stage) => {
      const tried = await stage.open()
      for (const decision of decisions) {
        const prepared = await tried.prepared()
        await prepared.branch.ends(decision)
        assert.deepEqual(await prepared.branch.branch[decision](), done)
        assert.deepEqual(await stage.finished(tried.recover(prepared), decision), done)
        assert.equal(await stage.subject.isVisible(prepared.key), decision === 'commit')
      }
    },
  },
  {
    name: 'a branch that was never voted on is rolled back',
    needs: [],
    tryOn: async (stage) => {
      const tried = await stage.open()
      const branch = await tried.begin()
      const key = stage.key()
      await branch.work.write(key)
      branch.branch.seal()
      await branch.ends('rollback')
      assert.deepEqual(await branch.branch.rollback(), done)
      assert.equal(await stage.subject.isVisible(key), false)
    },
  },
  {
    name: 'a decision reaches a branch whose session was lost after its yes',
    needs: ['prepare', 'sessions'],
    tryOn: async (stage) => {
      const tried = await stage.open()
      for (const decision of decisions) {
        const { branch, key } = await tried.prepared()
        await stage.sessions.cutOff()
        await branch.ends(decision)
        assert.equal(await stage.subject.isPrepared(branch.id), false)
        assert.equal(await stage.subject.isVisible(key), decision === 'commit')
        await tried.untilIdle()
      }
    },
  },
  {
    name: 'a decision is delivered by another process, after the one that prepared is gone',
    needs: ['prepare'],
    tryOn: async (stage) => {
      for (const decision of decisions) {
        const first = await stage.open()
        const prepared = await first.prepared()
        await first.participant.close()
        await stage.subject.sessions?.cutOff()
        const second = await stage.open()
        const recovered = second.recover(prepared)
        assert.deepEqual(await stage.finished(recovered, decision), done)
        assert.deepEqual(await stage.finished(recovered, decision), done)
        assert.equal(await stage.subject.isPrepared(prepared.branch.id), false)
        assert.equal(await stage.subject.isVisible(prepared.key), decision === 'commit')
      }
    },
  },
  {
    name: 'while the session that prepared lives, another process ends the branch or does not know',
    needs: ['prepare'],
    tryOn: async (stage) => {
      const [first, second] = [await stage.open(), await stage.open()]
      for (const decision of decisions) {
        const prepared = await first.prepared()
        const answer = await second.recover(prepared)[decision]()
        assert.ok(answer.result === 'done' || answer.result === 'unknown', JSON.stringify(answer))
        const isThere = await stage.subject.isPrepared(prepared.branch.id)
        assert.equal(isThere, answer.result === 'unknown', 'done means that it is over')
        await prepared.branch.ends(decision)
        assert.equal(await stage.subject.isPrepared(prepared.branch.id), false)
        assert.equal(await stage.subject.isVisible(prepared.key), decision === 'commit')
      }
    },
  },
  {
    name: 'a rollback of a branch that was never there is done',
    needs: ['prepare'],
    tryOn: async (stage) => {
      const tried = await stage.open()
      const recovered = tried.participant.recover({ id: nextIds().id, evidence: undefined })
      assert.deepEqual(await stage.finished(recovered, 'rollback'), done)
    },
  },
  {
    name: 'a commit of a branch that was never there is not acknowledged',
    needs: ['prepare'],
    tryOn: async (stage) => {
      const tried = await stage.open()
      const recovered = tried.participant.recover({ id: nextIds().id, evidence: undefined })
      assert.notEqual((await recovered.commit()).result, 'done')
    },
  },
  {
    name: 'a branch that somebody else ended against the decision is a heuristic end',
    needs: ['prepare', 'proof-of-fate'],
    tryOn: async (stage) => {
      const tried = await stage.open()
      for (const decision of decisions) {
        const prepared = await tried.prepared()
        const against = decision === 'commit' ? 'aborted' : 'committed'
        await stage.subject.sessions?.cutOff()
        await stage.subject.finishOutside(prepared.branch.id, against)
        const answer = await stage.finished(tried.recover(prepared), decision)
        const kind = decision === 'commit' ? 'rolled-back' : 'committed'
        assert.equal(answer.result, 'heuristic')
        assert.equal(answer.result === 'heuristic' && answer.kind, kind)
        assert.deepEqual(await stage.finished(prepared.branch.branch, decision), answer)
      }
    },
  },
]

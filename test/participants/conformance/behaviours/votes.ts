/** Votes: what each says about the resource. */
import assert from 'node:assert/strict'

import { longestIds } from '../../../harness/branch-ids.ts'
import type { Behaviour } from '../behaviour.ts'
import { causeOf, done } from '../stage.ts'

export const votes: readonly Behaviour[] = [
  {
    name: 'a yes is proved: the resource has prepared the branch, and nobody sees its work',
    needs: ['prepare'],
    tryOn: async (stage) => {
      const tried = await stage.open()
      const { branch, key } = await tried.prepared()
      assert.equal(await stage.subject.isPrepared(branch.id), true)
      assert.equal(await stage.subject.isVisible(key), false)
      await branch.ends('rollback')
    },
  },
  {
    name: 'a branch sees its own work, and the next one only what was committed',
    needs: ['prepare'],
    tryOn: async (stage) => {
      const tried = await stage.open()
      const [first, second] = [await tried.begin(), await tried.begin()]
      const [kept, dropped] = [stage.key(), stage.key()]
      await first.work.write(kept)
      await second.work.write(dropped)
      assert.equal(await first.work.read(kept), true)
      assert.equal(await second.work.read(kept), false)
      for (const branch of [first, second]) assert.equal((await branch.sealedVote()).vote, 'yes')
      await second.ends('rollback')
      await first.ends('commit')
      const third = await tried.begin()
      assert.equal(await third.work.read(kept), true)
      assert.equal(await third.work.read(dropped), false)
      third.branch.seal()
      await third.ends('rollback')
    },
  },
  {
    name: 'a no has rolled back: nothing is prepared, seen or locked, and a rollback is done',
    needs: ['prepare'],
    tryOn: async (stage) => {
      const tried = await stage.open()
      const branch = await tried.begin()
      const key = stage.key()
      await branch.work.write(key)
      await branch.work.fail().catch(() => undefined)
      branch.branch.seal()
      const vote = await stage.ended('the vote', branch.branch.prepare())
      assert.equal(vote.vote, 'no')
      assert.notEqual(causeOf(vote), undefined)
      if (stage.can('sessions')) await tried.untilIdle()
      assert.equal(await stage.subject.isPrepared(branch.id), false)
      assert.equal(await stage.subject.isVisible(key), false)
      const next = await tried.begin()
      await stage.ended('a write where the other wrote', next.work.write(key))
      next.branch.seal()
      await next.ends('rollback')
      assert.deepEqual(await branch.branch.rollback(), done)
    },
  },
  {
    name: 'a branch that wrote nothing ends without a trace, whatever it voted',
    needs: ['prepare'],
    tryOn: async (stage) => {
      const tried = await stage.open()
      for (const decision of ['commit', 'rollback'] as const) {
        for (const isUsed of [true, false]) {
          const branch = await tried.begin()
          if (isUsed) await branch.work.read(stage.key())
          const { vote } = await branch.sealedVote()
          assert.ok(vote === 'yes' || vote === 'read-only', vote)
          await branch.ends(decision)
          assert.equal(await stage.subject.isPrepared(branch.id), false)
          if (stage.can('sessions')) await tried.untilIdle()
        }
      }
    },
  },
  {
    name: 'a branch that wrote nothing is done, too, when its session was lost after the vote',
    needs: ['prepare', 'sessions'],
    tryOn: async (stage) => {
      const tried = await stage.open()
      for (const decision of ['commit', 'rollback'] as const) {
        const branch = await tried.begin()
        await branch.work.read(stage.key())
        await branch.sealedVote()
        await stage.sessions.cutOff()
        await branch.ends(decision)
        assert.equal(await stage.subject.isPrepared(branch.id), false)
        await tried.untilIdle()
      }
    },
  },
  {
    name: 'a branch that was not used, or is held to reading, votes read-only',
    needs: ['prepare', 'modes'],
    tryOn: async (stage) => {
      const tried = await stage.open()
      for (const readOnly of [true, false]) {
        const branch = await tried.begin({ readOnly })
        if (readOnly) await branch.work.read(stage.key())
        assert.equal((await branch.sealedVote()).vote, 'read-only')
        assert.equal(await stage.subject.isPrepared(branch.id), false)
        await branch.ends('commit')
      }
    },
  },
  {
    name: 'a branch that only read votes read-only, where the resource can tell',
    needs: ['prepare', 'read-only-votes'],
    tryOn: async (stage) => {
      const tried = await stage.open()
      const branch = await tried.begin()
      await branch.work.read(stage.key())
      assert.equal((await branch.sealedVote()).vote, 'read-only')
      await branch.ends('commit')
    },
  },
  {
    name: 'a branch that wrote is not called read-only, though it read before and after',
    needs: ['prepare'],
    tryOn: async (stage) => {
      const tried = await stage.open()
      const branch = await tried.begin()
      const key = stage.key()
      await branch.work.read(key)
      await branch.work.write(key)
      await branch.work.read(key)
      assert.equal((await branch.sealedVote()).vote, 'yes')
      await branch.ends('commit')
      assert.equal(await stage.subject.isVisible(key), true)
    },
  },
  {
    name: 'an id as long as ids get is prepared, found and finished',
    needs: ['prepare', 'list'],
    tryOn: async (stage) => {
      const tried = await stage.open()
      const branch = await tried.begin(longestIds())
      const key = stage.key()
      await branch.work.write(key)
      assert.equal((await branch.sealedVote()).vote, 'yes')
      const listed = (await tried.participant.listPrepared?.()) ?? []
      assert.ok(listed.some(({ id }) => id === branch.id))
      await branch.ends('commit')
      assert.equal(await stage.subject.isVisible(key), true)
    },
  },
  {
    name: 'one phase commits, and says so',
    needs: ['one-phase'],
    tryOn: async (stage) => {
      const tried = await stage.open()
      const branch = await tried.begin({ onlyBranch: true })
      const key = stage.key()
      await branch.work.write(key)
      branch.branch.seal()
      const ended = await stage.ended('the commit', branch.branch.commitOnePhase())
      assert.deepEqual(ended, { result: 'committed' })
      assert.equal(await stage.subject.isVisible(key), true)
    },
  },
  {
    name: 'one phase that is refused has rolled back, and says why',
    needs: ['one-phase'],
    tryOn: async (stage) => {
      const tried = await stage.open()
      const branch = await tried.begin({ onlyBranch: true })
      const key = stage.key()
      await branch.work.write(key)
      await branch.work.fail().catch(() => undefined)
      branch.branch.seal()
      const ended = await stage.ended('the commit', branch.branch.commitOnePhase())
      assert.equal(ended.result, 'aborted')
      assert.notEqual(causeOf(ended), undefined)
      assert.equal(await stage.subject.isVisible(key), false)
    },
  },
]

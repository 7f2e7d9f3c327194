/** The work inside a branch: what dooms it, what it may not do, and what it must have awaited. */
import assert from 'node:assert/strict'

import { codeOf } from '../../../../src/core/errors.ts'
import type { Branch } from '../../../../src/participants/contract.ts'
import type { Behaviour } from '../behaviour.ts'
import { causeOf } from '../stage.ts'

export const work: readonly Behaviour[] = [
  {
    name: 'a failed statement dooms the branch, and is the cause of its no',
    needs: ['prepare', 'guarded-client'],
    tryOn: async (stage) => {
      const tried = await stage.open()
      const branch = await tried.begin()
      assert.ok(!isDoomed(branch.branch))
      const failure: unknown = await branch.work.fail().then(
        () => undefined,
        (error: unknown) => error,
      )
      assert.notEqual(codeOf(failure), undefined, 'the work is told what the resource said')
      branch.branch.seal()
      assert.equal(codeOf(branch.branch.doomed?.cause), codeOf(failure))
      const vote = await stage.ended('the vote', branch.branch.prepare())
      assert.equal(vote.vote, 'no')
      assert.equal(codeOf(causeOf(vote)), codeOf(failure))
      await branch.ends('rollback')
    },
  },
  {
    name: 'a session that is lost during the work dooms the branch, and nothing of it stays',
    needs: ['prepare', 'guarded-client', 'sessions'],
    tryOn: async (stage) => {
      const tried = await stage.open()
      const branch = await tried.begin()
      const key = stage.key()
      await branch.work.write(key)
      await stage.sessions.cutOff()
      await stage.until('the loss is noticed', () => branch.branch.doomed !== undefined)
      branch.branch.seal()
      const vote = await stage.ended('the vote', branch.branch.prepare())
      assert.ok(vote.vote === 'no' || vote.vote === 'unknown', vote.vote)
      await branch.ends('rollback')
      assert.equal(await stage.subject.isVisible(key), false)
      await tried.untilIdle()
    },
  },
  {
    name: 'the seal refuses the client from then on, at once',
    needs: ['prepare', 'guarded-client'],
    tryOn: async (stage) => {
      const tried = await stage.open()
      const branch = await tried.begin()
      const [early, late] = [stage.key(), stage.key()]
      await branch.work.write(early)
      assert.deepEqual(branch.branch.seal(), [])
      await assert.rejects(stage.ended('a refusal', branch.work.write(late)))
      assert.equal((await branch.branch.prepare()).vote, 'yes')
      await branch.ends('commit')
      await assert.rejects(stage.ended('a refusal', branch.work.write(late)))
      assert.equal(await stage.subject.isVisible(early), true)
      assert.equal(await stage.subject.isVisible(late), false)
    },
  },
  {
    name: 'work that was not awaited is named by the seal, and the branch does not commit',
    needs: ['prepare', 'guarded-client'],
    tryOn: async (stage) => {
      const tried = await stage.open()
      for (const end of ['vote', 'rollback'] as const) {
        const branch = await tried.begin()
        const [awaited, forgotten] = [stage.key(), stage.key()]
        await branch.work.write(awaited)
        branch.work.write(forgotten).catch(() => undefined)
        const named = branch.branch.seal()
        assert.equal(named.length, 1)
        assert.match(String(named[0]), /insert/i)
        if (end === 'vote') {
          const vote = await stage.ended('the vote', branch.branch.prepare())
          assert.equal(vote.vote, 'no')
        }
        await branch.ends('rollback')
        assert.equal(await stage.subject.isPrepared(branch.id), false)
        for (const key of [awaited, forgotten]) {
          assert.equal(await stage.subject.isVisible(key), false)
        }
      }
      await tried.untilIdle()
    },
  },
  {
    name: 'a savepoint takes the work after it back, failures too, and keeps what came before',
    needs: ['prepare', 'savepoints'],
    tryOn: async (stage) => {
      const tried = await stage.open()
      const branch = await tried.begin()
      const [before, undone, kept] = [stage.key(), stage.key(), stage.key()]
      await branch.work.write(before)
      const outer = await branch.branch.savepoint?.()
      await branch.work.write(undone)
      await branch.work.fail().catch(() => undefined)
      await outer?.rollback()
      const inner = await branch.branch.savepoint?.()
      await branch.work.write(kept)
      await inner?.release()
      assert.equal((await branch.sealedVote()).vote, 'yes')
      await branch.ends('commit')
      assert.equal(await stage.subject.isVisible(before), true)
      assert.equal(await stage.subject.isVisible(undone), false)
      assert.equal(await stage.subject.isVisible(kept), true)
    },
  },
  {
    name: 'a branch that is asked for read-only refuses to write',
    needs: ['prepare', 'modes', 'guarded-client'],
    tryOn: async (stage) => {
      const tried = await stage.open()
      const branch = await tried.begin({ readOnly: true })
      const key = stage.key()
      assert.equal(await branch.work.read(key), false)
      await assert.rejects(branch.work.write(key))
      branch.branch.seal()
      await branch.ends('rollback')
    },
  },
  {
    name: 'an isolation that the resource does not know is refused, and takes no connection',
    needs: ['modes', 'sessions'],
    tryOn: async (stage) => {
      const tried = await stage.open()
      const isolation = 'serializable; drop table item'
      await assert.rejects(tried.begin({ isolation }), { code: 'ASSENT_INVALID_OPTION' })
      await tried.untilIdle()
      for (const known of ['serializable', 'read committed']) {
        const branch = await tried.begin({ isolation: known })
        await branch.work.read(stage.key())
        branch.branch.seal()
        await branch.ends('rollback')
      }
    },
  },
]

function isDoomed({ doomed }: Branch): boolean {
  return doomed !== undefined
}

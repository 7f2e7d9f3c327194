/** Servers that die, and servers that hang: nothing unknown is taken for known (A6). */
import assert from 'node:assert/strict'

import type { Behaviour } from '../behaviour.ts'
import { done } from '../stage.ts'

export const outages: readonly Behaviour[] = [
  {
    name: 'a yes outlives the death of the server, and another process commits it',
    needs: ['prepare', 'server'],
    tryOn: async (stage) => {
      const first = await stage.open()
      const fingerprint = await first.ready()
      const prepared = await first.prepared()
      await stage.server.kill()
      const early = await stage.ended('the answer', prepared.branch.branch.commit())
      assert.equal(early.result, 'unknown', 'the server is down, and nobody can know')
      const down = await stage.open({ isReady: false })
      const found = await stage.ended('the check', down.participant.check())
      assert.equal(found.status, 'unavailable')
      await assert.rejects(down.begin({ timeLeftMs: 1_000 }))
      await stage.server.start()
      const second = await stage.open()
      assert.equal(await second.ready(), fingerprint)
      const listed = (await second.participant.listPrepared?.()) ?? []
      assert.ok(listed.some(({ id }) => id === prepared.branch.id))
      assert.deepEqual(await stage.finished(second.recover(prepared), 'commit'), done)
      await prepared.branch.ends('commit')
      assert.equal(await stage.subject.isVisible(prepared.key), true)
      await down.untilIdle(0)
    },
  },
  {
    name: 'a server that dies before the vote leaves no yes behind',
    needs: ['prepare', 'server'],
    tryOn: async (stage) => {
      const tried = await stage.open()
      const branch = await tried.begin()
      const key = stage.key()
      await branch.work.write(key)
      branch.branch.seal()
      await stage.server.kill()
      const vote = await stage.ended('the vote', branch.branch.prepare())
      assert.ok(vote.vote === 'no' || vote.vote === 'unknown', vote.vote)
      await stage.server.start()
      await branch.ends('rollback')
      assert.equal(await stage.subject.isPrepared(branch.id), false)
      assert.equal(await stage.subject.isVisible(key), false)
    },
  },
  {
    name: 'what a hanging server does not answer is unknown, and ends as decided later',
    needs: ['prepare', 'one-phase', 'server'],
    tryOn: async (stage) => {
      const tried = await stage.open({ answerTimeoutMs: 500 })
      const { branch: prepared, key } = await tried.prepared()
      const options = { timeLeftMs: 1_500 }
      const [asked, alone] = [await tried.begin(options), await tried.begin(options)]
      const [lost, either] = [stage.key(), stage.key()]
      await asked.work.write(lost)
      await alone.work.write(either)
      for (const { branch } of [asked, alone]) branch.seal()
      await stage.server.suspend()
      try {
        const [vote, committed, onePhase, found] = await stage.ended(
          'the answers, which are bounded',
          Promise.all([
            asked.branch.prepare(),
            prepared.branch.commit(),
            alone.branch.commitOnePhase(),
            tried.participant.check(),
          ]),
        )
        assert.equal(vote.vote, 'unknown')
        assert.equal(committed.result, 'unknown')
        assert.equal(onePhase.result, 'unknown')
        assert.equal(found.status, 'unavailable')
        const again = await stage.ended(
          'the answers to the decisions, while the vote may still land',
          Promise.all([asked.branch.rollback(), prepared.branch.commit()]),
        )
        assert.deepEqual(
          again.map(({ result }) => result),
          ['unknown', 'unknown'],
        )
      } finally {
        await stage.server.resume()
      }
      await asked.ends('rollback')
      await prepared.ends('commit')
      assert.equal(await stage.subject.isPrepared(asked.id), false)
      assert.equal(await stage.subject.isVisible(lost), false)
      assert.equal(await stage.subject.isPrepared(prepared.id), false)
      assert.equal(await stage.subject.isVisible(key), true)
      await tried.untilIdle()
    },
  },
]

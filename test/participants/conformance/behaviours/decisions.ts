/** Decisions that are kept in a resource: with a branch's own commit, by presumption, by slot. */
import assert from 'node:assert/strict'

import type {
  DecisionRow,
  DecisionTable,
  LockRequest,
  TableSession,
} from '../../../../src/core/decision-table.ts'
import type { InstallationName, LogIdentity } from '../../../../src/core/ids.ts'
import type { Branch, OnePhaseResult } from '../../../../src/participants/contract.ts'
import type { Behaviour } from '../behaviour.ts'
import { done, type Stage, type TriedBranch, type TriedParticipant } from '../stage.ts'

let slots = 0

/** A slot and a log that nobody else has. */
function nextRequest(): LockRequest {
  slots += 1
  const identity = `0000000000${String(slots).padStart(3, '0')}` as LogIdentity
  return { installation: 'test' as InstallationName, slot: slots, identity }
}

/** A participant with the tables, a slot of them, and rows for its log. */
class Keeper {
  readonly tried: TriedParticipant
  readonly table: DecisionTable
  readonly request: LockRequest
  session: TableSession
  epoch = 0
  #counter = 0

  static async open(stage: Stage, request = nextRequest()): Promise<Keeper> {
    const tried = await stage.open()
    const table = tableOf(tried)
    await table.prepare()
    const session = await table.lock(request)
    assert.ok(session !== undefined, 'the slot is free')
    const keeper = new Keeper(tried, table, request, session)
    await keeper.raiseEpoch()
    return keeper
  }

  private constructor(
    tried: TriedParticipant,
    table: DecisionTable,
    request: LockRequest,
    session: TableSession,
  ) {
    this.tried = tried
    this.table = table
    this.request = request
    this.session = session
  }

  get holder(): { log: LogIdentity; epoch: number } {
    return { log: this.request.identity, epoch: this.epoch }
  }

  async raiseEpoch(): Promise<void> {
    this.epoch += 1
    await this.session.write({ epoch: this.epoch, isClean: false })
  }

  nextRow(): DecisionRow {
    this.#counter += 1
    return {
      log: this.request.identity,
      transaction: { epoch: this.epoch, counter: this.#counter },
      decision: 'committed',
      record: Uint8Array.of(0, this.#counter, 255),
    }
  }

  presume({ transaction }: DecisionRow): Promise<DecisionRow> {
    return this.table.presumeAborted(this.holder, transaction)
  }

  async rows(): Promise<readonly DecisionRow[]> {
    return (await this.session.read()).decisions
  }
}

function tableOf({ participant }: TriedParticipant): DecisionTable {
  const table = participant.decisionTable?.({ create: true })
  assert.ok(table !== undefined, 'it keeps decisions')
  return table
}

function abortedRow({ log, transaction }: DecisionRow): DecisionRow {
  return { log, transaction, decision: 'aborted', record: new Uint8Array() }
}

async function carry(stage: Stage, branch: Branch, row: DecisionRow): Promise<OnePhaseResult> {
  branch.seal()
  const carrying = branch.commitWithDecision?.(row)
  assert.ok(carrying !== undefined, 'its branches carry decisions')
  return await stage.ended('the commit with the decision', carrying)
}

/** A branch with work, and the key that it wrote. */
async function working(
  stage: Stage,
  { tried }: Keeper,
): Promise<{ branch: TriedBranch; key: string }> {
  const branch = await tried.begin()
  const key = stage.key()
  await branch.work.write(key)
  return { branch, key }
}

export const decisions: readonly Behaviour[] = [
  {
    name: 'a decision is there together with the work of the branch that carries it',
    needs: ['decisions'],
    tryOn: async (stage) => {
      const keeper = await Keeper.open(stage)
      const { branch, key } = await working(stage, keeper)
      const row = keeper.nextRow()
      assert.deepEqual(await carry(stage, branch.branch, row), { result: 'committed' })
      assert.equal(await stage.subject.isVisible(key), true)
      assert.deepEqual(await keeper.rows(), [row])
      await branch.ends('commit')
    },
  },
  {
    name: 'a decision is carried by a branch that did nothing, too',
    needs: ['decisions'],
    tryOn: async (stage) => {
      const keeper = await Keeper.open(stage)
      const branch = await keeper.tried.begin()
      const row = keeper.nextRow()
      assert.deepEqual(await carry(stage, branch.branch, row), { result: 'committed' })
      assert.deepEqual(await keeper.rows(), [row])
    },
  },
  {
    name: 'a decision can not be carried by a branch that can not commit: nothing of it is left',
    needs: ['decisions'],
    tryOn: async (stage) => {
      const keeper = await Keeper.open(stage)
      const { branch, key } = await working(stage, keeper)
      await branch.work.fail().catch(() => undefined)
      assert.equal((await carry(stage, branch.branch, keeper.nextRow())).result, 'aborted')
      assert.equal(await stage.subject.isVisible(key), false)
      assert.deepEqual(await keeper.rows(), [])
    },
  },
  {
    name: 'a presumption makes absence final: who would carry a decision under that key aborts',
    needs: ['decisions'],
    tryOn: async (stage) => {
      const keeper = await Keeper.open(stage)
      const { branch, key } = await working(stage, keeper)
      const row = keeper.nextRow()
      for (let times = 0; times < 2; times += 1) {
        assert.deepEqual(await keeper.presume(row), abortedRow(row))
      }
      assert.equal((await carry(stage, branch.branch, row)).result, 'aborted')
      assert.deepEqual(await branch.branch.rollback(), done)
      assert.equal(await stage.subject.isVisible(key), false)
      assert.deepEqual(await keeper.rows(), [abortedRow(row)])
    },
  },
  {
    name: 'a presumption finds the decision that stands',
    needs: ['decisions'],
    tryOn: async (stage) => {
      const keeper = await Keeper.open(stage)
      const { branch } = await working(stage, keeper)
      const row = keeper.nextRow()
      await carry(stage, branch.branch, row)
      assert.deepEqual(await keeper.presume(row), row)
      assert.deepEqual(await keeper.rows(), [row])
    },
  },
  {
    name: 'a presumption and a commit that meet come to one decision',
    needs: ['decisions'],
    tryOn: async (stage) => {
      const keeper = await Keeper.open(stage)
      for (let round = 0; round < 10; round += 1) {
        const { branch, key } = await working(stage, keeper)
        const row = keeper.nextRow()
        const [ended, found] = await Promise.all([
          carry(stage, branch.branch, row),
          keeper.presume(row),
        ])
        assert.equal(ended.result, found.decision)
        assert.equal(await stage.subject.isVisible(key), found.decision === 'committed')
      }
    },
  },
  {
    name: 'an epoch that was raised stops the branches and the presumptions of before',
    needs: ['decisions'],
    tryOn: async (stage) => {
      const keeper = await Keeper.open(stage)
      const { branch, key } = await working(stage, keeper)
      const idle = await keeper.tried.begin()
      const { holder } = keeper
      const rows = [keeper.nextRow(), keeper.nextRow()] as const
      await keeper.raiseEpoch()
      assert.equal((await carry(stage, branch.branch, rows[0])).result, 'aborted')
      assert.equal((await carry(stage, idle.branch, rows[1])).result, 'aborted')
      await assert.rejects(keeper.table.presumeAborted(holder, rows[0].transaction))
      assert.equal(await stage.subject.isVisible(key), false)
      assert.deepEqual(await keeper.rows(), [])
    },
  },
  {
    name: 'a slot is held by one at a time, and keeps what was written for the next',
    needs: ['decisions'],
    tryOn: async (stage) => {
      const keeper = await Keeper.open(stage)
      const { request, session } = keeper
      const other = tableOf(await stage.open())
      assert.equal(await other.lock(request), undefined)
      const rows = [keeper.nextRow(), keeper.nextRow()] as const
      const records = ['one', 'two'].map((name) => ({ name, record: Uint8Array.of(name.length) }))
      await session.write({ decisions: rows, records })
      const settled = rows[0].transaction
      await session.write({ settled: [settled], removed: ['one'], isClean: true })
      await session.release()
      let next: TableSession | undefined
      await stage.until('the slot is free', async () => {
        next = await other.lock({ ...request, identity: nextRequest().identity })
        return next !== undefined
      })
      const { slot, identity } = request
      assert.deepEqual(next?.log, { slot, identity, epoch: keeper.epoch, isClean: true })
      assert.deepEqual(await next?.read(), { decisions: [rows[1]], records: [records[1]] })
      assert.ok((await other.logs(request.installation)).some((log) => log.slot === slot))
    },
  },
  {
    name: 'a write that fails in one part is undone in all',
    needs: ['decisions'],
    tryOn: async (stage) => {
      const keeper = await Keeper.open(stage)
      const [free, taken] = [keeper.nextRow(), keeper.nextRow()]
      await keeper.presume(taken)
      const records = [{ name: 'with it', record: Uint8Array.of(1) }]
      await assert.rejects(keeper.session.write({ decisions: [free, taken], records }))
      assert.deepEqual(await keeper.session.read(), {
        decisions: [abortedRow(taken)],
        records: [],
      })
    },
  },
  {
    name: 'the loss of a slot is told, and the slot is free for another',
    needs: ['decisions', 'sessions'],
    tryOn: async (stage) => {
      const { session, request } = await Keeper.open(stage)
      const other = tableOf(await stage.open())
      let losses = 0
      session.onLost = () => {
        losses += 1
      }
      await stage.sessions.cutOff()
      await stage.until('the loss is told', () => losses === 1)
      await assert.rejects(session.write({}))
      let next: TableSession | undefined
      await stage.until('the slot is free', async () => {
        next = await other.lock(request).catch(() => undefined)
        return next !== undefined
      })
      assert.equal(losses, 1)
    },
  },
  {
    name: 'a presumption is removed when nobody can be in its way any more, and not before',
    needs: ['decisions'],
    tryOn: async (stage) => {
      const keeper = await Keeper.open(stage)
      const { branch } = await working(stage, keeper)
      const row = keeper.nextRow()
      const keys = [row.transaction]
      await keeper.presume(row)
      await keeper.raiseEpoch()
      for (let times = 0; times < 2; times += 1) {
        assert.deepEqual(await keeper.session.removePresumed(keys), [])
        assert.deepEqual(await keeper.rows(), [abortedRow(row)])
      }
      branch.branch.seal()
      await branch.ends('rollback')
      await stage.until('it is removed', async () => {
        return (await keeper.session.removePresumed(keys)).length === 1
      })
      assert.deepEqual(await keeper.rows(), [])
    },
  },
  {
    name: 'a commit with a decision whose server is killed leaves both, or neither',
    needs: ['decisions', 'server'],
    tryOn: async (stage) => {
      const keeper = await Keeper.open(stage)
      const { branch, key } = await working(stage, keeper)
      const row = keeper.nextRow()
      await stage.server.suspend()
      const committing = carry(stage, branch.branch, row)
      await stage.server.kill()
      assert.equal((await committing).result, 'unknown')
      await stage.server.start()
      let found: DecisionRow | undefined
      await stage.until('the decision is known', async () => {
        found = await keeper.presume(row).catch(() => undefined)
        return found !== undefined
      })
      assert.equal(await stage.subject.isVisible(key), found?.decision === 'committed')
      await branch.ends(found?.decision === 'committed' ? 'commit' : 'rollback')
    },
  },
]

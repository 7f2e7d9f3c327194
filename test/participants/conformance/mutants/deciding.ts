/** Faults of a resource that keeps decisions. */
import type { DecisionTable, TableSession } from '../../../../src/core/decision-table.ts'
import type { OnePhaseResult } from '../../../../src/participants/contract.ts'
import type { Plant } from '../stage.ts'
import { but, cause, changed, changedBranch, type Mutant, unless } from './planting.ts'

const committed: OnePhaseResult = { result: 'committed' }

/** Changes the tables of the participant. */
function changedTable(change: (table: DecisionTable) => Partial<DecisionTable>): Plant {
  return changed((participant) => ({
    decisionTable: (options) => {
      const table = participant.decisionTable?.(options) as DecisionTable
      return but(table, change(table))
    },
  }))
}

/** Changes every session that has a slot locked. */
function changedSlot(change: (session: TableSession) => Partial<TableSession>): Plant {
  return changedTable((table) => ({
    lock: async (request) => {
      const session = await table.lock(request)
      return session && but(session, change(session))
    },
  }))
}

let slots = 500

export const ofDecisions: readonly Mutant[] = [
  {
    name: 'commits the work without the decision',
    refusedBy: ['a decision is there together', 'by a branch that did nothing', 'epoch that was'],
    plant: changedBranch((branch) => ({ commitWithDecision: () => branch.commitOnePhase() })),
  },
  {
    name: 'takes an abort for a commit',
    refusedBy: ['by a branch that can not commit', 'makes absence final', 'epoch that was raised'],
    plant: changedBranch((branch) => ({
      commitWithDecision: async (row) =>
        await unless(
          'aborted',
          branch.commitWithDecision?.(row) ?? Promise.resolve(committed),
          committed,
        ),
    })),
  },
  {
    name: 'takes an unknown commit for an abort',
    refusedBy: ['whose server is killed'],
    plant: changedBranch((branch) => ({
      commitWithDecision: async (row) =>
        await unless('unknown', branch.commitWithDecision?.(row) ?? Promise.resolve(committed), {
          result: 'aborted',
          cause,
        }),
    })),
  },
  {
    name: 'presumes and writes nothing',
    refusedBy: ['makes absence final', 'finds the decision that stands', 'that meet'],
    plant: changedTable(() => ({
      presumeAborted: async ({ log }, transaction) => ({
        log,
        transaction,
        decision: 'aborted',
        record: new Uint8Array(),
      }),
    })),
  },
  {
    name: 'lets a holder of before presume',
    refusedBy: ['an epoch that was raised'],
    plant: changedTable((table) => ({
      presumeAborted: ({ log, epoch }, transaction) =>
        table
          .presumeAborted({ log, epoch }, transaction)
          .catch(() => table.presumeAborted({ log, epoch: epoch + 1 }, transaction)),
    })),
  },
  {
    name: 'gives everybody a slot',
    refusedBy: ['a slot is held by one at a time'],
    plant: changedTable((table) => ({
      lock: (request) => {
        slots += 1
        const identity = request.identity.replace(/^000/, '999') as typeof request.identity
        return table.lock({ ...request, slot: slots, identity })
      },
    })),
  },
  {
    name: 'writes its parts one by one',
    refusedBy: ['a write that fails in one part'],
    plant: changedSlot((session) => ({
      write: async ({ decisions = [], ...rest }) => {
        await session.write(rest)
        for (const row of decisions) await session.write({ decisions: [row] })
      },
    })),
  },
  {
    name: 'forgets what is settled, and forgets to',
    refusedBy: ['keeps what was written'],
    plant: changedSlot((session) => ({
      write: async ({ settled: _, ...rest }) => await session.write(rest),
    })),
  },
  {
    name: 'keeps silent about a slot that was lost',
    refusedBy: ['the loss of a slot is told'],
    plant: changedSlot(() => ({ onLost: undefined })),
  },
  {
    name: 'removes presumptions at once',
    refusedBy: ['a presumption is removed when'],
    plant: changedSlot((session) => ({
      removePresumed: async (keys) => {
        await session.write({ settled: keys })
        return keys
      },
    })),
  },
]

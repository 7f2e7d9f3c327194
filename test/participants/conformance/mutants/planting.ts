/**
 * How a fault is planted in a participant that has none, and what a mutant is: a participant with one
 * fault, and the behaviours that must not accept it. A check that accepts what it is there to refuse
 * is none.
 */
import type {
  Acknowledgement,
  Branch,
  FinishableBranch,
  Participant,
} from '../../../../src/participants/contract.ts'
import type { Plant } from '../stage.ts'
import type { Capability, Opened, UserPool } from '../subject.ts'

export interface Mutant {
  /** What it does wrong. */
  readonly name: string
  /** Parts of the names of the behaviours that refuse it; each part fits one or more. */
  readonly refusedBy: readonly string[]
  /** What a participant must be able to do for the fault to show, besides what the behaviours need. */
  readonly needs?: readonly Capability[]
  readonly plant: Plant
}

export const done: Acknowledgement = { result: 'done' }
export const hazard: Acknowledgement = { result: 'heuristic', kind: 'hazard', detail: 'planted' }
export const cause = new Error('planted')

/** The same object, some members of it replaced. */
export function but<Target extends object>(target: Target, changed: Partial<Target>): Target {
  return new Proxy(target, {
    get: (_, name) => {
      if (name in changed) return Reflect.get(changed, name)
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
    set: (_, name, value) => name in changed || Reflect.set(target, name, value, target),
  })
}

export function changed(
  change: (participant: Participant, opened: Opened) => Partial<Participant>,
): Plant {
  return (opened) => but(opened.participant, change(opened.participant, opened))
}

/** Changes every branch that the participant begins. */
export function changedBranch(change: (branch: Branch, pool: UserPool) => Partial<Branch>): Plant {
  return changed((participant, { pool }) => ({
    begin: async (options) => {
      const branch = await participant.begin(options)
      return but(branch, change(branch, pool as UserPool))
    },
  }))
}

export function changedRecovery(
  change: (branch: FinishableBranch) => Partial<FinishableBranch>,
): Plant {
  return changed((participant) => ({
    recover: (options) => {
      const branch = participant.recover(options)
      return but(branch, change(branch))
    },
  }))
}

/** Does something to the pool once the branch has ended, however it did. */
export function changedEnd(spoil: (pool: UserPool) => Promise<void>): Plant {
  return changedBranch((branch, pool) => {
    const spoiled = async <Value>(ending: Promise<Value>): Promise<Value> => {
      const answer = await ending
      await spoil(pool)
      return answer
    }
    return {
      commit: () => spoiled(branch.commit()),
      rollback: () => spoiled(branch.rollback()),
      commitOnePhase: () => spoiled(branch.commitOnePhase()),
    }
  })
}

export async function unless<Value extends { result: string }>(
  unwanted: Value['result'],
  answer: Promise<Value>,
  instead: Value,
): Promise<Value> {
  const given = await answer
  return given.result === unwanted ? instead : given
}

/** What the coordinator publishes: every change of state, as data. */
import type { Decision, HeuristicKind } from '../core/decision.ts'
import type { TransactionId } from '../core/ids.ts'
import type { BranchPhase, Phase } from '../protocol/two-phase/state.ts'

/** Published on the channel `assent:<type>`; times are the subscriber's to take. */
export type StateChange =
  | {
      readonly type: 'transaction'
      readonly id: TransactionId
      readonly state: Phase
      readonly decision: Decision | undefined
      readonly cause: unknown
    }
  | {
      readonly type: 'branch'
      readonly id: TransactionId
      readonly branch: number
      readonly resource: string
      readonly state: BranchPhase
      readonly attempts: number
      readonly cause: unknown
    }
  | {
      readonly type: 'heuristic'
      readonly id: TransactionId
      readonly resource: string
      readonly kind: HeuristicKind
      readonly detail: string
    }
  | {
      readonly type: 'resource'
      readonly resource: string
      readonly state: 'ready' | 'unavailable' | 'refused'
      readonly detail: string
    }
  | {
      readonly type: 'orphan'
      /** The branch's id as the resource stores it. */
      readonly id: string
      readonly resource: string
      readonly state: 'sighted' | 'finished'
      readonly detail: string
    }
  | {
      readonly type: 'log'
      readonly state: 'opened' | 'adopted' | 'failed' | 'closed'
      readonly log: string
      readonly cause: unknown
    }
  | {
      readonly type: 'operator'
      readonly id: string
      readonly act: 'resolve' | 'forget'
      readonly by: string
      readonly reason: string
    }

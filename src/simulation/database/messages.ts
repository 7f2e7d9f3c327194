/** What clients ask of a simulated database, and what it answers. */
import type { BranchId } from '../../core/ids.ts'

export type Request =
  | { readonly type: 'identify' }
  | { readonly type: 'begin'; readonly id: BranchId; readonly lockTimeoutMs: number }
  | { readonly type: 'add'; readonly account: string; readonly amount: number }
  | { readonly type: 'read'; readonly account: string }
  | { readonly type: 'savepoint' | 'release' | 'rollback-to'; readonly name: number }
  | { readonly type: 'prepare' }
  /** Of the open transaction: the end of the session would roll it back. */
  | { readonly type: 'commit' | 'rollback' }
  /** Of a prepared branch, from any session. */
  | { readonly type: 'commit-prepared' | 'rollback-prepared'; readonly id: BranchId }
  | { readonly type: 'fate'; readonly xid: string }
  | { readonly type: 'list' }

/** How a transaction of the database ended, by its xid. */
export type Fate = 'committed' | 'aborted' | 'in-progress'

export type Reply =
  | { readonly type: 'done' }
  | { readonly type: 'identity'; readonly fingerprint: string; readonly preparedLimit: number }
  | { readonly type: 'balance'; readonly amount: number }
  | { readonly type: 'prepared'; readonly xid: string }
  | { readonly type: 'read-only' }
  | { readonly type: 'fate'; readonly fate: Fate }
  | {
      readonly type: 'list'
      readonly prepared: readonly { readonly id: string; readonly preparedAtMs: number }[]
    }
  /** `code` as PostgreSQL has it; the transaction of the session, if one is open, has failed. */
  | { readonly type: 'refused'; readonly code: string }

export const refusals = {
  /** Could not be serialized: run it again. */
  conflict: '40001',
  lockTimeout: '55P03',
  failedTransaction: '25P02',
  noTransaction: '25P01',
  unknownId: '42704',
  duplicateId: '42710',
  /** Another session is finishing this branch. */
  busy: '55000',
  noPreparedSlot: '53200',
  deferredCheck: '23514',
} as const

export function refused(code: keyof typeof refusals): Reply {
  return { type: 'refused', code: refusals[code] }
}

/** A request in words, for the trace. */
export function wordsOf(request: Request): string {
  if ('id' in request) return `${request.type} ${request.id}`
  if ('account' in request) return `${request.type} ${request.account}`
  return 'xid' in request ? `${request.type} ${request.xid}` : request.type
}

/** What clients ask of a simulated database, and what it answers. */
import type { DecisionRow, TableChange } from '../../core/decision-table.ts'
import type { BranchId, TransactionKey } from '../../core/ids.ts'
import { rowName, type TableReply, type TableRequest } from './decisions/messages.ts'

export type Request =
  | BranchRequest
  /** Of the tables in which decisions are kept. */
  | TableRequest

export type BranchRequest =
  | { readonly type: 'identify' }
  | { readonly type: 'begin'; readonly id: BranchId; readonly lockTimeoutMs: number }
  | Statement
  | Batch
  | { readonly type: 'savepoint' | 'release' | 'rollback-to'; readonly name: number }
  | Ending
  /** Of the open transaction: the end of the session would roll it back. */
  | { readonly type: 'rollback' }
  /** Of a prepared branch, from any session. */
  | { readonly type: 'commit-prepared' | 'rollback-prepared'; readonly id: BranchId }
  | { readonly type: 'fate'; readonly xid: string }
  | { readonly type: 'list' }
  /** Of another connection: answered when nothing that was sent over it can happen any more. */
  | { readonly type: 'end-session'; readonly pid: number }

/** Answered with the balance as the transaction then sees it. */
export type Statement =
  | { readonly type: 'add'; readonly account: string; readonly amount: number }
  | { readonly type: 'read'; readonly account: string }

/** A whole transaction in one message, and one answer: nothing is run behind what fails. */
export interface Batch {
  readonly type: 'batch'
  readonly id: BranchId
  readonly lockTimeoutMs: number
  readonly statements: readonly Statement[]
  readonly ending: Ending
}

/** Asks a branch for its vote, or to commit without one. */
export type Ending =
  /** What wrote nothing stays open instead, unless it is to be prepared all the same. */
  | { readonly type: 'prepare'; readonly evenIfEmpty?: boolean }
  | { readonly type: 'commit' }
  /** The same, and the row is inserted first: both, or neither. */
  | { readonly type: 'commit-with-decision'; readonly row: DecisionRow }

/** How a transaction of the database ended, by its xid. */
export type Fate = 'committed' | 'aborted' | 'in-progress'

export type Reply =
  | TableReply
  | { readonly type: 'done' }
  | { readonly type: 'identity'; readonly fingerprint: string; readonly preparedLimit: number }
  | { readonly type: 'balance'; readonly amount: number }
  | { readonly type: 'prepared'; readonly xid: string }
  | { readonly type: 'read-only' }
  /** To its statements and its ending, up to the first that was refused. */
  | { readonly type: 'batch'; readonly replies: readonly Reply[] }
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
  duplicateKey: '23505',
  notNull: '23502',
  /** The log is at another epoch by now. */
  notHolder: '02000',
  /** The session has locked no slot. */
  notLocked: '55006',
} as const

export function refused(code: keyof typeof refusals): Reply {
  return { type: 'refused', code: refusals[code] }
}

/** A request in words, for the trace. */
export function wordsOf(request: Request): string {
  if (request.type === 'batch') return wordsOfBatch(request)
  if ('row' in request) {
    return `${request.type} ${rowName(request.row.log, request.row.transaction)}`
  }
  if ('key' in request) return `${request.type} ${rowName(request.holder.log, request.key)}`
  if ('change' in request) return `${request.type}${wordsOfChange(request.change)}`
  if ('id' in request) return `${request.type} ${request.id}`
  if ('account' in request) return `${request.type} ${request.account}`
  return 'xid' in request ? `${request.type} ${request.xid}` : request.type
}

function wordsOfBatch({ id, statements, ending }: Batch): string {
  const texts = statements.map(({ type, account }) => `${type} ${account}`)
  return `batch ${id}: ${[...texts, ending.type].join(', ')}`
}

function wordsOfChange(change: TableChange): string {
  const { epoch, isClean, decisions = [], records = [], removed = [], settled = [] } = change
  return [
    epoch === undefined ? '' : ` epoch ${epoch}`,
    isClean === undefined ? '' : ` ${isClean ? 'clean' : 'in use'}`,
    ...decisions.map(({ transaction, decision }) => ` +${decision} ${keyText(transaction)}`),
    ...records.map(({ name }) => ` +${name}`),
    ...removed.map((name) => ` -${name}`),
    ...settled.map((key) => ` -${keyText(key)}`),
  ].join('')
}

function keyText({ epoch, counter }: TransactionKey): string {
  return `${epoch.toString(36)}.${counter.toString(36)}`
}

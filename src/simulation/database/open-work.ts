/** The open transaction of a session: what it has changed so far, and how it began. */
import type { LogIdentity } from '../../core/ids.ts'
import type { Database, Work } from './database.ts'
import { type BranchRequest, type Reply, refused } from './messages.ts'

export interface OpenWork extends Work {
  readonly changes: Map<string, number>
  readonly answers: number[]
  readonly lockTimeoutMs: number
  /** Changes at each savepoint. */
  readonly savepoints: Map<number, ReadonlyMap<string, number>>
  /** The epochs of logs as it sees them; undefined where it sees what is committed now. */
  readonly snapshot: ReadonlyMap<LogIdentity, number> | undefined
  /** A statement failed: it can only roll back. */
  hasFailed: boolean
}

export function beginWork(
  database: Database,
  { id, lockTimeoutMs }: Extract<BranchRequest, { readonly type: 'begin' }>,
): OpenWork {
  const { decisions } = database
  return {
    id,
    xid: database.begin(),
    changes: new Map(),
    answers: [],
    lockTimeoutMs,
    savepoints: new Map(),
    snapshot: decisions?.takesSnapshots ? decisions.epochs() : undefined,
    hasFailed: false,
  }
}

/** Answers an account's balance, as this transaction sees it. */
export function balanceIn(work: OpenWork, { balances }: Database, account: string): Reply {
  const amount = (balances.get(account) ?? 0) + (work.changes.get(account) ?? 0)
  work.answers.push(amount)
  return { type: 'balance', amount }
}

export function rollBackTo(work: OpenWork, savepoint: number): Reply {
  const saved = work.savepoints.get(savepoint)
  if (saved === undefined) return refused('noTransaction')
  work.changes.clear()
  for (const [account, change] of saved) work.changes.set(account, change)
  work.hasFailed = false
  return { type: 'done' }
}

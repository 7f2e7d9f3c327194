/**
 * What goes on when a log is opened whose process died: its unfinished transactions come to life. So
 * does one whose decision shows only when somebody is about to presume that there is none.
 *
 * Keeps A1 and A2 (durable decisions are delivered again, intents without one are held), A10
 * (nothing that the log holds is dropped: not at a restart, nor when its resource is gone).
 */
import type { Decision } from '../core/decision.ts'
import type { TransactionKey } from '../core/ids.ts'
import { BrokenInvariant } from '../core/invariant.ts'
import type { UnfinishedTransaction } from '../log/contract.ts'
import { type RecordedTransaction, recover } from '../protocol/two-phase/recover.ts'
import type { Book } from './book.ts'
import type { Engine } from './engine.ts'
import { LiveBranch, LiveTransaction } from './live-transaction.ts'

/** Takes every unfinished transaction of `book` into the engine. */
export function recoverBook(engine: Engine, book: Book): void {
  for (const unfinished of book.log.recovered) {
    if (!unfinished.settled) recoverTransaction(engine, book, unfinished)
  }
}

/**
 * Makes it final that a transaction has no decision, before anyone is told so (A9). `found` runs once,
 * with what stands, or with the error when that can't be known now. What stands committed, and which
 * nobody here goes on with, comes to life: every branch of it must be told.
 */
export function presumeAborted(
  engine: Engine,
  book: Book,
  { epoch, counter }: TransactionKey,
  found: (standing: Decision | Error) => void,
): void {
  const key = { epoch, counter }
  book.log.presumeAborted(key, (standing) => {
    if (standing === 'committed') engine.guarded(() => revive(engine, book, key))
    found(standing)
  })
}

function revive(engine: Engine, book: Book, key: TransactionKey): void {
  if (engine.live.at(book, key) !== undefined) return
  const found = book.log
    .unfinished()
    .find(({ transaction: { epoch, counter } }) => epoch === key.epoch && counter === key.counter)
  if (found !== undefined && !found.settled) recoverTransaction(engine, book, found)
}

function recoverTransaction(engine: Engine, book: Book, found: UnfinishedTransaction): void {
  const record = found.decided ?? found.intent
  if (record === undefined) {
    // Only heuristics of a presumed abort: over, and listed by the log until forgotten.
    return
  }
  const transaction = new LiveTransaction({
    id: book.idOf(found.transaction),
    key: found.transaction,
    book,
    beganWallMs: record.wallMs,
    deadlineMs: Number.POSITIVE_INFINITY,
    timeoutMs: 0,
  })
  transaction.noted = true
  transaction.sealed = true
  transaction.protocol = protocolOf(found)
  const last = found.decided === undefined ? found.intent?.last : undefined
  const branches = record.branches.map((branch): RecordedTransaction['branches'][number] => {
    const live = new LiveBranch(branch.branch, { recorded: recordedResource(book, branch) })
    live.evidence = branch.evidence
    live.vote = 'yes'
    live.heuristic = heuristicOf(found, live)
    transaction.addBranch(live)
    return {
      ended: hasEnded(found, branch.branch),
      role: branch.branch === last ? 'last' : 'two-phase',
    }
  })
  const { state, effects } = recover({ decision: found.decided?.decision, branches })
  transaction.state = state
  engine.adopt(transaction, effects)
  // An operator had spoken, and the crash came before the decision was recorded as made. Had two
  // spoken, the first was about to be obeyed (A2).
  const resolved = found.resolved.find((each) => each.branch === undefined)
  if (resolved !== undefined) engine.resolve(transaction, resolved.decision)
}

function protocolOf({ intent, decided }: UnfinishedTransaction): LiveTransaction['protocol'] {
  if (intent !== undefined) return 'last-resource'
  const carried = 'decision-in-participant'
  return decided?.protocol === carried ? carried : 'two-phase'
}

function recordedResource(
  book: Book,
  { resource }: { readonly resource: number },
): NonNullable<LiveBranch['recorded']> {
  const record = book.log.resources().find((each) => each.number === resource)
  if (record === undefined) {
    throw new BrokenInvariant('log', 'a decision names a resource without a record', resource)
  }
  return record
}

function heuristicOf(
  { heuristics }: UnfinishedTransaction,
  { number, resourceName }: LiveBranch,
): LiveBranch['heuristic'] {
  const record = heuristics.find((each) => each.branch === number)
  if (record === undefined) return undefined
  return { resource: resourceName, kind: record.kind, detail: record.detail }
}

function hasEnded(found: UnfinishedTransaction, branch: number): boolean {
  const ofBranch = (each: { readonly branch: number | undefined }): boolean =>
    each.branch === branch
  return found.heuristics.some(ofBranch) || found.resolved.some(ofBranch)
}

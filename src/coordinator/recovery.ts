/**
 * What goes on when a log is opened whose process died: its unfinished transactions come to life.
 *
 * Keeps A1 and A2 (durable decisions are delivered again, intents without one are held), A10
 * (nothing that the log holds is dropped: not at a restart, nor when its resource is gone).
 */
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
  transaction.protocol = found.intent === undefined ? 'two-phase' : 'last-resource'
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

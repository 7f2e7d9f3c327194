/**
 * Counts what a run has done, from the databases and the decision log alone: nothing is taken from
 * the memory of any process.
 */
import { formatTransactionId, parseBranchId, parseTransactionId } from '../../core/ids.ts'
import type { RetainedOutcome } from '../../log/contract.ts'
import type { Database } from './database.ts'
import { preparedOf } from './databases.ts'
import {
  type Evidence,
  type Findings,
  noFindings,
  type SideEvidence,
  withFinding,
} from './evidence.ts'
import { type DecisionsReading, type KeptDecisions, readDecisions } from './kept-decisions.ts'
import type { Side } from './plan.ts'

export interface AuditOptions {
  readonly databases: readonly Database[]
  /** What the bank is called in both databases. */
  readonly bank: string
  readonly installation: string
  readonly decisions: KeptDecisions
  /** Money in each database when the accounts had been opened. */
  readonly before: Readonly<Record<Side, number>>
  /** What was prepared when a worker was killed. */
  readonly inDoubt: readonly InDoubtBranch[]
  readonly problems: readonly string[]
}

/** A branch that was prepared when its worker was killed. */
export interface InDoubtBranch {
  readonly gid: string
  readonly side: Side
}

export interface Recovered {
  readonly committed: number
  readonly aborted: number
}

/** A row of a journal. */
interface Entry {
  readonly transfer: number
  readonly transaction: string
  readonly spans: number
  readonly delta: number
  readonly form: string
}

/** Rows of a journal that are fetched at a time. */
const pageRows = 5_000

export async function moneyIn(database: Database, bank: string): Promise<number> {
  return await numberIn(database, `select sum(balance) as it from ${database.tables(bank).account}`)
}

export async function audit(
  options: AuditOptions,
): Promise<{ readonly evidence: Evidence; readonly recovered: Recovered }> {
  const { databases, bank, installation, problems } = options
  const [left, right] = databases
  if (left === undefined || right === undefined) throw new TypeError('an audit is of two databases')
  const logs = await readDecisions(options.decisions, left)
  const compared = await compare(entriesOf(left, bank), entriesOf(right, bank), logs)
  const recovered = await recoveredOf(options, logs)
  let leftPrepared = noFindings
  for (const database of databases) {
    for (const gid of await preparedOf(database, installation)) {
      leftPrepared = withFinding(leftPrepared, `${database.side} ${gid}`)
    }
  }
  const attempts = await attemptsIn(left, bank)
  const evidence: Evidence = {
    sides: await Promise.all(databases.map((each) => sideEvidence(each, options))),
    committed: compared.committed,
    byExecute: compared.byExecute,
    aborted: attempts - compared.committed - compared.torn.count,
    torn: compared.torn,
    leftPrepared,
    contradicted: recovered.lost.reduce(withFinding, compared.contradicted),
    unfinished: logs.flatMap(unfinishedIn).reduce(withFinding, noFindings),
    problems,
  }
  return { evidence, recovered }
}

/** How the branches ended that were in doubt: one that committed has written its journal. */
async function recoveredOf(
  { databases, bank, inDoubt }: AuditOptions,
  logs: readonly DecisionsReading[],
): Promise<Recovered & { readonly lost: readonly string[] }> {
  const lost: string[] = []
  let committed = 0
  for (const database of databases) {
    const { side } = database
    const transactions = inDoubt.flatMap((each) =>
      each.side === side ? transactionOf(each.gid) : [],
    )
    const written = await writtenIn(database, bank, transactions)
    committed += written.size
    for (const transaction of transactions) {
      const isLost = !written.has(transaction) && outcomeOf(transaction, logs) === 'committed'
      if (isLost) lost.push(`${transaction} is committed in the log, and not in ${side}`)
    }
  }
  return { committed, aborted: inDoubt.length - committed, lost }
}

/** Which of the transactions are in a journal; asked a page at a time, as there may be many. */
async function writtenIn(
  database: Database,
  bank: string,
  transactions: readonly string[],
): Promise<ReadonlySet<string>> {
  const { journal } = database.tables(bank)
  const written = new Set<string>()
  for (let begin = 0; begin < transactions.length; begin += pageRows) {
    const asked = transactions.slice(begin, begin + pageRows)
    const { rows } = await database.query(
      `select transaction from ${journal} where transaction in (${asked.map(() => '?').join(', ')})`,
      asked,
    )
    for (const { transaction } of rows) written.add(String(transaction))
  }
  return written
}

async function sideEvidence(
  database: Database,
  { bank, before }: AuditOptions,
): Promise<SideEvidence> {
  const { side } = database
  const { journal } = database.tables(bank)
  return {
    side,
    before: before[side],
    after: await moneyIn(database, bank),
    journal: await numberIn(database, `select sum(delta) as it from ${journal}`),
  }
}

async function attemptsIn(database: Database, bank: string): Promise<number> {
  return await numberIn(database, `select count(*) as it from ${database.tables(bank).attempt}`)
}

/** The number that a query calls `it`; 0 for null. */
async function numberIn(database: Database, query: string): Promise<number> {
  const { rows } = await database.query(query)
  return Number(rows[0]?.it ?? 0)
}

/** A journal in the order of its transfers, a page at a time: it may be long. */
async function* entriesOf(database: Database, bank: string): AsyncGenerator<Entry> {
  const { journal } = database.tables(bank)
  let after = 0
  for (;;) {
    const { rows } = await database.query(
      `select transfer, transaction, spans, delta, form from ${journal}
       where transfer > ? order by transfer limit ${pageRows}`,
      [after],
    )
    for (const row of rows) {
      after = Number(row.transfer)
      yield {
        transfer: after,
        transaction: String(row.transaction),
        spans: Number(row.spans),
        delta: Number(row.delta),
        form: String(row.form),
      }
    }
    if (rows.length < pageRows) return
  }
}

interface Compared {
  committed: number
  byExecute: number
  torn: Findings
  contradicted: Findings
}

/** Reads two journals side by side. */
async function compare(
  left: AsyncGenerator<Entry>,
  right: AsyncGenerator<Entry>,
  logs: readonly DecisionsReading[],
): Promise<Compared> {
  const found: Compared = {
    committed: 0,
    byExecute: 0,
    torn: noFindings,
    contradicted: noFindings,
  }
  let one = (await left.next()).value as Entry | undefined
  let two = (await right.next()).value as Entry | undefined
  while (one !== undefined || two !== undefined) {
    const transfer = Math.min(one?.transfer ?? Infinity, two?.transfer ?? Infinity)
    const inLeft = one?.transfer === transfer ? one : undefined
    const inRight = two?.transfer === transfer ? two : undefined
    note(found, transfer, inLeft, inRight, logs)
    if (inLeft !== undefined) one = (await left.next()).value as Entry | undefined
    if (inRight !== undefined) two = (await right.next()).value as Entry | undefined
  }
  return found
}

function note(
  found: Compared,
  transfer: number,
  left: Entry | undefined,
  right: Entry | undefined,
  logs: readonly DecisionsReading[],
): void {
  const tear = tearOf(left, right)
  if (tear === undefined) {
    found.committed += 1
    if ((left ?? right)?.form === 'execute') found.byExecute += 1
  } else found.torn = withFinding(found.torn, `transfer ${transfer} ${tear}`)
  for (const entry of [left, right]) {
    if (entry === undefined || !contradicts(entry, logs)) continue
    const example = `${entry.transaction} is in a journal, and not committed in the log`
    found.contradicted = withFinding(found.contradicted, example)
    return
  }
}

/** What is wrong with a transfer; undefined when it happened everywhere as it should. */
function tearOf(left: Entry | undefined, right: Entry | undefined): string | undefined {
  if (left !== undefined && right !== undefined) {
    if (left.spans !== 2 || right.spans !== 2) return 'is in two databases and belongs in one'
    if (left.transaction !== right.transaction) return 'was made by two transactions'
    return left.delta + right.delta === 0 ? undefined : 'does not add up'
  }
  const only = left ?? right
  if (only?.spans !== 1) return `is in ${left === undefined ? 'right' : 'left'} only`
  return only.delta === 0 ? undefined : 'does not add up'
}

/**
 * Whether the log says that a transaction was aborted which left a trace. In two databases it needs
 * the decision in so many words; in one, the log need not know of it (one-phase).
 */
function contradicts({ transaction, spans }: Entry, logs: readonly DecisionsReading[]): boolean {
  const outcome = outcomeOf(transaction, logs)
  if (outcome === undefined) return true
  return spans === 2 ? outcome !== 'committed' : outcome === 'aborted' || outcome === 'absent'
}

function outcomeOf(
  transaction: string,
  logs: readonly DecisionsReading[],
): RetainedOutcome | undefined {
  const parts = parseTransactionId(transaction)
  const log = logs.find(({ identity }) => identity === parts?.log)
  return parts === undefined ? undefined : log?.outcome(parts)
}

/** What a log has not finished, in words. */
function unfinishedIn({ unfinished }: DecisionsReading): string[] {
  return unfinished.map(({ transaction, decided, settled, heuristics }) => {
    const { epoch, counter } = transaction
    const ends = heuristics.map(({ kind, detail }) => `${kind}: ${detail}`).join(', ')
    const state = `${decided?.decision ?? 'undecided'}, ${settled ? 'settled' : 'not settled'}`
    return `${epoch}.${counter} (${state}${ends === '' ? '' : `, ${ends}`})`
  })
}

function transactionOf(gid: string): string[] {
  const parts = parseBranchId(gid)
  return parts === undefined ? [] : [formatTransactionId(parts)]
}

/**
 * Counts what a run has done, from the databases and the decision log alone: nothing is taken from
 * the memory of any process.
 */
import { formatTransactionId, parseBranchId, parseTransactionId } from '../../core/ids.ts'
import type { RetainedOutcome } from '../../log/contract.ts'
import { type LogReading, readFileLogs } from '../../log/file/read.ts'
import { nodeDisk } from '../../node/disk.ts'
import { type Database, preparedOf } from './databases.ts'
import {
  type Evidence,
  type Findings,
  noFindings,
  type SideEvidence,
  withFinding,
} from './evidence.ts'
import type { Side } from './plan.ts'

export interface AuditOptions {
  readonly databases: readonly Database[]
  readonly schema: string
  readonly installation: string
  /** The directory of the decision log. */
  readonly log: string
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
  readonly change: number
}

/** Rows of a journal that are fetched at a time. */
const pageRows = 5_000

export async function moneyIn({ pool }: Database, schema: string): Promise<number> {
  const { rows } = await pool.query<{ sum: string }>(`select sum(balance) from ${schema}.account`)
  return Number(rows[0]?.sum ?? 0)
}

export async function audit(
  options: AuditOptions,
): Promise<{ readonly evidence: Evidence; readonly recovered: Recovered }> {
  const { databases, schema, installation, problems } = options
  const [left, right] = databases
  if (left === undefined || right === undefined) throw new TypeError('an audit is of two databases')
  const logs = await readLogs(options.log)
  const compared = await compare(entriesOf(left, schema), entriesOf(right, schema), logs)
  const recovered = await recoveredOf(options, logs)
  let leftPrepared = noFindings
  for (const database of databases) {
    for (const gid of await preparedOf(database, installation)) {
      leftPrepared = withFinding(leftPrepared, `${database.side} ${gid}`)
    }
  }
  const attempts = await attemptsIn(left, schema)
  const evidence: Evidence = {
    sides: await Promise.all(databases.map((each) => sideEvidence(each, options))),
    committed: compared.committed,
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
  { databases, schema, inDoubt }: AuditOptions,
  logs: readonly LogReading[],
): Promise<Recovered & { readonly lost: readonly string[] }> {
  const lost: string[] = []
  let committed = 0
  for (const { side, pool } of databases) {
    const transactions = inDoubt.flatMap((each) =>
      each.side === side ? transactionOf(each.gid) : [],
    )
    const { rows } = await pool.query<{ transaction: string }>(
      `select transaction from ${schema}.journal where transaction = any($1)`,
      [transactions],
    )
    const written = new Set(rows.map(({ transaction }) => transaction))
    committed += written.size
    for (const transaction of transactions) {
      const isLost = !written.has(transaction) && outcomeOf(transaction, logs) === 'committed'
      if (isLost) lost.push(`${transaction} is committed in the log, and not in ${side}`)
    }
  }
  return { committed, aborted: inDoubt.length - committed, lost }
}

async function readLogs(directory: string): Promise<readonly LogReading[]> {
  const reading = await readFileLogs(nodeDisk(), directory)
  return (reading?.slots ?? []).flatMap(({ log, problem }) => {
    if (problem !== undefined) throw problem
    return log ?? []
  })
}

async function sideEvidence(
  database: Database,
  { schema, before }: AuditOptions,
): Promise<SideEvidence> {
  const { side, pool } = database
  const { rows } = await pool.query<{ sum: string | null }>(
    `select sum(change) from ${schema}.journal`,
  )
  return {
    side,
    before: before[side],
    after: await moneyIn(database, schema),
    journal: Number(rows[0]?.sum ?? 0),
  }
}

async function attemptsIn({ pool }: Database, schema: string): Promise<number> {
  const { rows } = await pool.query<{ count: string }>(`select count(*) from ${schema}.attempt`)
  return Number(rows[0]?.count ?? 0)
}

/** A journal in the order of its transfers, a page at a time: it may be long. */
async function* entriesOf({ pool }: Database, schema: string): AsyncGenerator<Entry> {
  let after = 0
  for (;;) {
    const { rows } = await pool.query<Record<keyof Entry, string>>(
      `select transfer, transaction, spans, change from ${schema}.journal
       where transfer > $1 order by transfer limit ${pageRows}`,
      [after],
    )
    for (const row of rows) {
      after = Number(row.transfer)
      yield {
        transfer: after,
        transaction: row.transaction,
        spans: Number(row.spans),
        change: Number(row.change),
      }
    }
    if (rows.length < pageRows) return
  }
}

interface Compared {
  committed: number
  torn: Findings
  contradicted: Findings
}

/** Reads two journals side by side. */
async function compare(
  left: AsyncGenerator<Entry>,
  right: AsyncGenerator<Entry>,
  logs: readonly LogReading[],
): Promise<Compared> {
  const found: Compared = { committed: 0, torn: noFindings, contradicted: noFindings }
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
  logs: readonly LogReading[],
): void {
  const tear = tearOf(left, right)
  if (tear === undefined) found.committed += 1
  else found.torn = withFinding(found.torn, `transfer ${transfer} ${tear}`)
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
    return left.change + right.change === 0 ? undefined : 'does not add up'
  }
  const only = left ?? right
  if (only?.spans !== 1) return `is in ${left === undefined ? 'right' : 'left'} only`
  return only.change === 0 ? undefined : 'does not add up'
}

/**
 * Whether the log says that a transaction was aborted which left a trace. In two databases it needs
 * the decision in so many words; in one, the log need not know of it (one-phase).
 */
function contradicts({ transaction, spans }: Entry, logs: readonly LogReading[]): boolean {
  const outcome = outcomeOf(transaction, logs)
  if (outcome === undefined) return true
  return spans === 2 ? outcome !== 'committed' : outcome === 'aborted' || outcome === 'absent'
}

function outcomeOf(transaction: string, logs: readonly LogReading[]): RetainedOutcome | undefined {
  const parts = parseTransactionId(transaction)
  const log = logs.find(({ identity }) => identity === parts?.log)
  return parts === undefined ? undefined : log?.outcome(parts)
}

/** What a log has not finished, in words. */
function unfinishedIn({ unfinished }: LogReading): string[] {
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

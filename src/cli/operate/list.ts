/** `assent list` */
import type { Arguments } from '../arguments.ts'
import type { Terminal } from '../command.ts'
import { counted, duration, printable, table } from '../text.ts'
import { type Installation, readInstallation, type Slot } from './installation.ts'
import {
  type BranchReport,
  type OrphanEntry,
  orphansOf,
  type TransactionEntry,
  transactionsOf,
} from './report.ts'

interface SlotEntry {
  readonly slot: number
  readonly location: string
  /** Null where it can't be told. */
  readonly held: boolean | null
  /** The process that answers for it. */
  readonly pid: number | null
  /** What an operator should know of it; null when all is well. */
  readonly problem: string | null
}

interface Listing {
  readonly installation: string
  readonly log: string
  readonly slots: readonly SlotEntry[]
  readonly transactions: readonly TransactionEntry[]
  /** Transactions that are under way, listed or not. */
  readonly underWay: number
  readonly orphans: readonly OrphanEntry[]
  /** Transactions and orphans that a process has beyond what it lists. */
  readonly omitted: number
}

export async function runList(given: Arguments, { out }: Terminal): Promise<number> {
  const listing = listingOf(await readInstallation(given), given.has('all'))
  out.write(given.has('json') ? `${JSON.stringify(listing)}\n` : `${render(listing)}\n`)
  return 0
}

function listingOf(installation: Installation, all: boolean): Listing {
  const transactions = transactionsOf(installation)
  return {
    installation: installation.name,
    log: installation.directory,
    slots: installation.slots.map(slotEntry),
    transactions: transactions.filter(({ waits }) => all || waits),
    underWay: transactions.filter(({ waits }) => !waits).length,
    orphans: orphansOf(installation),
    omitted: installation.processes.reduce(
      (sum, { report }) =>
        sum +
        (report.transactionCount - report.transactions.length) +
        (report.orphanCount - report.orphans.length),
      0,
    ),
  }
}

function slotEntry({ reading, process, silence }: Slot): SlotEntry {
  const { slot, location, isHeld } = reading
  return {
    slot,
    location,
    held: isHeld ?? null,
    pid: process?.report.pid ?? null,
    problem: slotProblem({ reading, process, silence }) ?? null,
  }
}

function slotProblem({ reading, process, silence }: Slot): string | undefined {
  const { isHeld, problem, log } = reading
  if (problem !== undefined) return problem.message
  if (process !== undefined) return undefined
  if (isHeld === undefined) return 'whether a process holds it can not be told: its lock is closed'
  if (isHeld) return `a live process holds it and does not answer (${silence}): read from its log`
  if (log === undefined || log.closed === 'clean') return undefined
  if (log.unfinished.length > 0) {
    return 'nobody holds it, and work is left: the next process that opens the log goes on with it'
  }
  // Closed in order, and too soon after a crash to prove that no late PREPARE can land: no problem.
  if (log.closed === 'with-work-left') return undefined
  return 'its process died: the next process that opens the log looks for what it left prepared'
}

function render(listing: Listing): string {
  const { transactions, orphans, slots, underWay, omitted } = listing
  const lines = transactions.flatMap((each) => [
    [each.id, stateText(each), duration(each.ageMs), holderText(each)].join('  '),
    ...table(each.branches.map(branchRow), '    '),
  ])
  if (orphans.length > 0) {
    if (lines.length > 0) lines.push('')
    lines.push('Prepared branches that no transaction answers for:')
    lines.push(...table(orphans.map(orphanRow), '    '))
  }
  if (lines.length === 0) lines.push('Nothing waits for a resource or an operator.')
  const shown = transactions.filter(({ waits }) => !waits).length
  const notes = [
    ...(underWay > shown ? [`${counted(underWay, 'transaction')} under way: see --all`] : []),
    ...(omitted > 0 ? [`${counted(omitted, 'entry', 'entries')} more, not listed`] : []),
    ...slots.flatMap(({ location, problem }) =>
      problem === null ? [] : [`${location}: ${printable(problem)}`],
    ),
  ]
  return [...lines, ...(notes.length > 0 ? ['', ...notes] : [])].join('\n')
}

function stateText({ state, decision }: TransactionEntry): string {
  return decision === null ? state : `${state} (${decision})`
}

function holderText({ pid, slot }: TransactionEntry): string {
  return pid === null ? `slot ${slot}, from its log` : `slot ${slot}, process ${pid}`
}

function branchRow({ resource, state, attempts, problem }: BranchReport): string[] {
  const tries = attempts > 0 ? counted(attempts, 'attempt') : ''
  return [resource, state, tries, printable(problem)]
}

function orphanRow({ id, resource, decision, detail }: OrphanEntry): string[] {
  return [id, resource, decision === null ? 'waits' : `to be ${decision}`, printable(detail)]
}

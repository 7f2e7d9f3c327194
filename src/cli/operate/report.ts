/** Unfinished transactions as `assent` shows them, whether a process told of them or their log. */
import type { PendingTransaction } from '../../coordinator/pending.ts'
import type { Sighting } from '../../coordinator/sweep.ts'
import type { Decision, HeuristicKind } from '../../core/decision.ts'
import { formatBranchId, formatTransactionId, parseBranchId } from '../../core/ids.ts'
import type { BranchRecord, UnfinishedTransaction } from '../../log/contract.ts'
import type { LogReading } from '../../log/file/read.ts'
import { recover } from '../../protocol/two-phase/recover.ts'
import type { Installation, LiveProcess, Slot } from './installation.ts'

export interface BranchReport {
  /** As the resource stores it. */
  readonly id: string
  readonly resource: string
  readonly state: string
  /** How often the process that is alive sent it the decision. */
  readonly attempts: number
  /** What went wrong last; empty when nothing did. */
  readonly problem: string
}

export interface HeuristicEntry {
  readonly resource: string
  readonly kind: HeuristicKind
  readonly detail: string
}

export interface TransactionEntry {
  readonly id: string
  /**
   * As the coordinator has it, or: `heuristic`, over, and waits to be forgotten; `resolved`, an
   * operator has decided it, and the next process that opens its log carries it out.
   */
  readonly state: string
  readonly decision: Decision | null
  /** ISO 8601. */
  readonly since: string
  readonly ageMs: number
  /** Whether it waits for a resource or an operator, and is not simply under way. */
  readonly waits: boolean
  readonly branches: readonly BranchReport[]
  readonly heuristics: readonly HeuristicEntry[]
  readonly slot: number
  /** The process that answers for it; null when it was read from the log. */
  readonly pid: number | null
}

export interface OrphanEntry {
  readonly id: string
  readonly resource: string
  readonly preparedAt: string | null
  /** Whether its log is held by a process here. */
  readonly ours: boolean
  /** What will be done with it; null: an operator must say. */
  readonly decision: Decision | null
  readonly detail: string
  readonly pid: number
}

/** Everything unfinished, oldest first. */
export function transactionsOf(installation: Installation): TransactionEntry[] {
  const told = installation.processes.flatMap((process) =>
    process.report.transactions.map((each) => toldBy(process, installation, each)),
  )
  const read = installation.slots.flatMap((slot) =>
    slot.process === undefined ? readFrom(installation, slot) : [],
  )
  return [...told, ...read].sort((one, other) => other.ageMs - one.ageMs)
}

/** Prepared branches that no transaction of this directory answers for, each once. */
export function orphansOf(installation: Installation): OrphanEntry[] {
  const known = new Set(installation.slots.map(({ reading }) => reading.log?.identity))
  const found = new Map<string, OrphanEntry>()
  for (const { report } of installation.processes) {
    for (const orphan of report.orphans) {
      // A sibling's branch looks like a stranger's to a process that does not hold its log.
      const isSiblings = !orphan.ours && known.has(parseBranchId(orphan.id)?.log)
      if (!isSiblings) found.set(`${orphan.resource} ${orphan.id}`, orphanEntry(orphan, report.pid))
    }
  }
  return [...found.values()]
}

function toldBy(
  { report }: LiveProcess,
  { slots }: Installation,
  transaction: PendingTransaction,
): TransactionEntry {
  const { id, state, decision, sinceMs, waits, branches, heuristics, log } = transaction
  const slot = slots.find(({ reading }) => sameSlot(reading.location, log))
  return {
    id,
    state,
    decision: decision ?? null,
    ...ageOf(sinceMs),
    waits,
    branches,
    heuristics,
    slot: slot?.reading.slot ?? -1,
    pid: report.pid,
  }
}

function sameSlot(one: string, other: string): boolean {
  const name = (path: string): string | undefined => path.split(/[\\/]/).at(-1)
  return name(one) === name(other)
}

/** What a log says that no process answers for: how the next one that opens it would go on. */
function readFrom({ name }: Installation, { reading }: Slot): TransactionEntry[] {
  const { log, slot } = reading
  if (log === undefined) return []
  return log.unfinished.map((found) => {
    const id = formatTransactionId({
      installation: name,
      log: log.identity,
      ...found.transaction,
    })
    const { state, branches } = stateOf(found)
    const record = found.decided ?? found.intent ?? found.heuristics[0]
    return {
      id,
      state,
      decision: found.decided?.decision ?? settlementOf(found)?.decision ?? null,
      ...ageOf(record?.wallMs ?? Date.now()),
      waits: true,
      branches: branches.map(({ branch, resource, phase }) => ({
        id: formatBranchId(id, branch),
        resource: resourceName(log, resource),
        state: phase,
        attempts: 0,
        problem: '',
      })),
      heuristics: found.heuristics.map(({ resource, kind, detail }) => ({
        resource: resourceName(log, resource),
        kind,
        detail,
      })),
      slot,
      pid: null,
    }
  })
}

interface RecordedBranch extends BranchRecord {
  readonly phase: string
}

function stateOf(found: UnfinishedTransaction): {
  readonly state: string
  readonly branches: readonly RecordedBranch[]
} {
  if (isOver(found)) {
    const branches = found.heuristics.map(({ branch, resource }) => {
      return { branch, resource, evidence: undefined, phase: 'heuristic' }
    })
    return { state: 'heuristic', branches }
  }
  const records = (found.decided ?? found.intent)?.branches ?? []
  const last = found.decided === undefined ? found.intent?.last : undefined
  const { state } = recover({
    decision: found.decided?.decision,
    branches: records.map(({ branch }) => ({
      ended: [...found.heuristics, ...found.resolved].some((each) => each.branch === branch),
      role: branch === last ? 'last' : 'two-phase',
    })),
  })
  const branches = records.map((record, index) => {
    return { ...record, phase: state.branches[index]?.phase ?? 'unclear' }
  })
  const isResolved = state.phase === 'held' && settlementOf(found) !== undefined
  return { state: isResolved ? 'resolved' : state.phase, branches }
}

/** Whether nothing is left to deliver: it waits to be forgotten. */
export function isOver(found: UnfinishedTransaction): boolean {
  return found.settled || (found.decided === undefined && found.intent === undefined)
}

/** What an operator has decided for a held transaction, before a process carried it out. */
export function settlementOf(
  found: UnfinishedTransaction,
): UnfinishedTransaction['resolved'][number] | undefined {
  return found.resolved.findLast(({ branch }) => branch === undefined)
}

export function resourceName(log: LogReading, number: number): string {
  return log.resources.find((each) => each.number === number)?.name ?? `resource ${number}`
}

function orphanEntry(orphan: Sighting, pid: number): OrphanEntry {
  const { id, resource, preparedAtMs, ours, decision, detail } = orphan
  const preparedAt = preparedAtMs === undefined ? null : new Date(preparedAtMs).toISOString()
  return { id, resource, preparedAt, ours, decision: decision ?? null, detail, pid }
}

function ageOf(sinceMs: number): { readonly since: string; readonly ageMs: number } {
  return { since: new Date(sinceMs).toISOString(), ageMs: Math.max(0, Date.now() - sinceMs) }
}

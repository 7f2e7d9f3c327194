/** `assent show` */
import type { Decision, Outcome } from '../../core/decision.ts'
import { errorCatalogue } from '../../core/error-catalogue.ts'
import type { OperatorAct } from '../../log/records.ts'
import type { ControlResults } from '../../node/control-socket-protocol.ts'
import type { Arguments } from '../arguments.ts'
import type { Terminal } from '../command.ts'
import { CommandFailure } from '../failures.ts'
import { counted, duration, printable, table } from '../text.ts'
import { advise } from './advice.ts'
import { askProcess, type Installation, readInstallation, type Slot } from './installation.ts'
import { type OrphanEntry, orphansOf, type TransactionEntry, transactionsOf } from './report.ts'
import { findSlot, readSubject, type Subject } from './subject.ts'

interface ActEntry {
  readonly act: 'resolved' | 'forgotten'
  readonly decision: Decision | null
  /** Whether it spoke of one branch only. */
  readonly ofBranch: boolean
  readonly by: string
  readonly reason: string
  /** ISO 8601. */
  readonly at: string
}

interface Showing {
  readonly id: string
  readonly outcome: Outcome
  /** Null once it is over. */
  readonly transaction: TransactionEntry | null
  /** Its prepared branches that no live transaction answers for. */
  readonly orphans: readonly OrphanEntry[]
  /** What operators did to it by hand. */
  readonly acts: readonly ActEntry[]
  readonly log: string
  readonly pid: number | null
  /** What to do, in words. */
  readonly advice: string
}

export async function runShow(given: Arguments, { out }: Terminal): Promise<number> {
  const subject = readSubject(given.operands[0] ?? '')
  const installation = await readInstallation(given)
  const showing = await showingOf(installation, subject)
  out.write(given.has('json') ? `${JSON.stringify(showing)}\n` : `${render(showing)}\n`)
  return showing.outcome === 'unknown' ? errorCatalogue.ASSENT_OUTCOME_UNKNOWN.exitCode : 0
}

async function showingOf(installation: Installation, subject: Subject): Promise<Showing> {
  const { id } = subject
  const slot = findSlot(installation, subject)
  const transaction = transactionsOf(installation).find((each) => each.id === id) ?? null
  const outcome = await outcomeOf(slot, subject, transaction)
  if (outcome === 'unknown' && transaction === null && neverIssued(slot, subject)) {
    throw new CommandFailure(`${id} was never issued by its log`, {
      code: 'ASSENT_UNKNOWN_TRANSACTION',
    })
  }
  return {
    id,
    outcome,
    transaction,
    orphans: orphansOf(installation).filter((each) => readSubject(each.id).id === id),
    acts: actsOn(slot, subject),
    log: slot.reading.location,
    pid: slot.process?.report.pid ?? null,
    advice: advise({ id, outcome, transaction, slot }),
  }
}

async function outcomeOf(
  { process, reading }: Slot,
  { id, parts }: Subject,
  transaction: TransactionEntry | null,
): Promise<Outcome> {
  if (process !== undefined) {
    const reply = await askProcess(process, { command: 'show', id })
    if (reply.ok) return (reply.result as ControlResults['show']).outcome
    throw new CommandFailure(reply.message, { code: reply.code })
  }
  const retained = reading.log?.outcome(parts) ?? 'unknown'
  if (retained === 'held') return transaction?.decision ?? 'unknown'
  if (retained !== 'absent') return retained
  // Presumed (A9), unless a process that does not answer may be about to decide it.
  return reading.isHeld === false ? 'aborted' : 'unknown'
}

function neverIssued({ reading }: Slot, { parts }: Subject): boolean {
  return reading.log !== undefined && (parts.epoch > reading.log.epoch || parts.epoch === 0)
}

function actsOn({ reading }: Slot, { parts }: Subject): ActEntry[] {
  const acts = reading.log?.acts ?? []
  return acts.flatMap((act): ActEntry[] => {
    if (!isOn(act, parts)) return []
    const { by, reason, wallMs } = act
    const isResolution = act.type === 'resolved'
    return [
      {
        act: act.type,
        decision: isResolution ? act.decision : null,
        ofBranch: isResolution && act.branch !== undefined,
        by,
        reason,
        at: new Date(wallMs).toISOString(),
      },
    ]
  })
}

function isOn(
  act: OperatorAct,
  { epoch, counter }: Subject['parts'],
): act is Exclude<OperatorAct, { type: 'stranger-resolved' }> {
  return (
    act.type !== 'stranger-resolved' &&
    act.transaction.epoch === epoch &&
    act.transaction.counter === counter
  )
}

function render({ id, outcome, transaction, orphans, acts, log, pid, advice }: Showing): string {
  const facts = [
    ['transaction', id],
    ['outcome', outcome],
    ...(transaction === null ? [] : factsOf(transaction)),
    ['log', `${log}, ${pid === null ? 'no process answers for it' : `process ${pid}`}`],
  ]
  const branches = (transaction?.branches ?? []).map((branch) => [
    branch.resource,
    branch.state,
    branch.id,
    branch.attempts > 0 ? counted(branch.attempts, 'attempt') : '',
    printable(branch.problem),
  ])
  const heuristics = (transaction?.heuristics ?? []).map(({ resource, kind, detail }) => [
    resource,
    kind,
    printable(detail),
  ])
  return [
    ...table(facts),
    ...section('branches', branches),
    ...section('prepared, and no transaction answers for them', orphans.map(orphanRow)),
    ...section('against, or without, the decision', heuristics),
    ...section('by hand', acts.map(actRow)),
    '',
    advice,
  ].join('\n')
}

function factsOf({ state, since, ageMs }: TransactionEntry): string[][] {
  return [
    ['state', state],
    ['since', `${since} (${duration(ageMs)})`],
  ]
}

function section(title: string, rows: readonly (readonly string[])[]): string[] {
  return rows.length === 0 ? [] : ['', `${title}:`, ...table(rows, '  ')]
}

function orphanRow({ resource, id, decision, detail }: OrphanEntry): string[] {
  return [resource, id, decision === null ? 'waits' : `to be ${decision}`, printable(detail)]
}

function actRow({ at, by, act, decision, ofBranch, reason }: ActEntry): string[] {
  const what = `${act}${ofBranch ? ' a branch' : ''}${decision === null ? '' : ` ${decision}`}`
  return [at, printable(by), what, printable(reason)]
}

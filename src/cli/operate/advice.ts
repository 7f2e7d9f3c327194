/** What an operator should do about a transaction, said at three in the morning. */
import type { Outcome } from '../../core/decision.ts'
import type { Slot } from './installation.ts'
import type { BranchReport, TransactionEntry } from './report.ts'

interface Situation {
  readonly id: string
  readonly outcome: Outcome
  /** Null once it is over. */
  readonly transaction: TransactionEntry | null
  readonly slot: Slot
}

export function advise({ id, outcome, transaction, slot }: Situation): string {
  if (transaction === null) return adviseOver(outcome)
  const start = slot.process === undefined ? startText(slot) : ''
  switch (transaction.state) {
    case 'held':
      return (
        `It waits for you: look at ${lastOf(transaction.branches)} whether its part took place. ` +
        `If it did, \`assent resolve ${id} commit --by NAME --reason TEXT\`; if it did not, abort.`
      )
    case 'resolved':
      return `It was resolved by hand as ${outcome}. ${start || 'It is being carried out.'}`
    case 'in-doubt':
      return (
        'Its decision may or may not be on disk, because the log failed. Mend the disk and restart ' +
        'the application: it reads the log and goes on. Do not end its branches by hand before.'
      )
    case 'heuristic':
      return (
        'It is over, but not everywhere as decided: repair the data by hand, then ' +
        `\`assent forget ${id} --by NAME --reason TEXT\`.`
      )
    case 'committing':
    case 'rolling-back':
      return start || adviseDelivery(transaction)
    default:
      return start || 'It is under way: nothing to do.'
  }
}

function adviseOver(outcome: Outcome): string {
  if (outcome === 'unknown') {
    return 'Nothing is known of it: it was never begun, is older than what is kept, or left no record.'
  }
  return 'It is over: nothing to do.'
}

function adviseDelivery({ branches, decision }: TransactionEntry): string {
  const waiting = branches.filter(({ state }) => state === 'committing' || state === 'rolling-back')
  const names = waiting.map(({ resource }) => resource).join(', ')
  return (
    `It is decided (${decision}), and is told to ${names} again and again until they acknowledge: ` +
    'nothing to do but to bring them back. For a resource that is gone for good, `assent resolve` ' +
    'with --resource says how its branch ended.'
  )
}

/** What makes a log that nobody answers for go on. */
function startText({ reading }: Slot): string {
  if (reading.isHeld === true) return 'Its process lives and does not answer: stop or restart it.'
  return (
    'No process holds its log, so nothing happens to it: start the application, which goes on ' +
    'with it at once.'
  )
}

/** The branch that can't prepare is the one whose end nobody has heard of. */
function lastOf(branches: readonly BranchReport[]): string {
  const last = branches.find(({ state }) => state === 'committing-one-phase')
  return last?.resource ?? 'the resource that can not prepare'
}

/**
 * What becomes of the statements that would begin, end or nest a transaction inside a branch.
 *
 * Keeps A1: `BEGIN`, `COMMIT` and `ROLLBACK`, as ORMs send them, become a savepoint, its release and
 * the return to it, so that nothing of the user's ends the branch. One such transaction is open at a
 * time: of two on one client, the ROLLBACK of one would undo the work of the other.
 */
import { AssentError } from '../../core/errors.ts'
import type { TransactionId } from '../../core/ids.ts'
import type { BeginOptions } from '../contract.ts'
import { type IsolationLevel, isStronger } from './isolation.ts'
import type {
  BeginStatement,
  EndStatement,
  Modes,
  SavepointStatement,
  SetTransactionStatement,
  TransactionStatement,
} from './statement.ts'
import { type SavepointMove, shown, type Work } from './work.ts'

/** Prefix of the savepoints that are ours; the guard keeps the user's hands off them. */
export const savepointPrefix = 'assent_'

/** What the branch is, as far as statements depend on it. */
export interface Rules {
  readonly transaction: TransactionId
  readonly isolation: IsolationLevel
  readonly readOnly: boolean
  /** Whether the branch will be asked to prepare. */
  readonly mustPrepare: boolean
}

/** What a branch that is begun like this is. */
export function rulesFor(
  { transaction, readOnly, onlyBranch }: BeginOptions,
  isolation: IsolationLevel,
  canPrepare: boolean,
): Rules {
  return { transaction, isolation, readOnly, mustPrepare: canPrepare && onlyBranch !== true }
}

export interface Plan {
  /** What is sent instead; undefined: the user's own text, with its values. */
  readonly text?: string
  /** The tag that the user expects, where another text was sent. */
  readonly tag?: string
  readonly move?: SavepointMove
  /** Called when the statement failed. */
  readonly undo?: () => void
}

/** A text on its way to a plan. */
export interface Planning {
  readonly text: string
  /** Whether it holds more than one statement. */
  readonly isSeveral: boolean
  readonly rules: Rules
  readonly work: Work
  nextName(): string
  /** The text that returns to a savepoint of ours and is done with it. */
  undoOf(name: string): string
  /** A text that asks for no more than the branch has, and so changes nothing. */
  readonly granted?: string
}

/** The plan for a statement about transactions; throws `ASSENT_STATEMENT_REFUSED`. */
export function planTransaction(statement: TransactionStatement, planning: Planning): Plan {
  const { text } = planning
  switch (statement.kind) {
    case 'begin':
      return planBegin(statement, planning)
    case 'commit':
    case 'rollback':
      return planEnd(statement, planning)
    case 'savepoint':
    case 'release':
    case 'rollback-to':
      return planSavepoint(text, statement)
    case 'set-transaction':
      return planSetTransaction(statement, planning)
    case 'two-phase':
      throw refused(text, `${statement.words} is the coordinator's to send`)
  }
}

export function refused(text: string, reason: string): AssentError {
  const statement = shown(text)
  return new AssentError('ASSENT_STATEMENT_REFUSED', `${reason} (refused: ${statement})`, {
    statement,
  })
}

/** Many libraries send it beside their BEGIN, whatever the level; as in BEGIN, no more is given. */
function planSetTransaction({ modes }: SetTransactionStatement, planning: Planning): Plan {
  const { text, granted } = planning
  refuseSeveral(planning)
  if (modes === undefined || granted === undefined || isBeyond(modes, planning.rules)) {
    throw refused(
      text,
      "the branch's transaction has begun, so its modes are set: pass the options `isolation` " +
        'and `readOnly` to the transaction instead',
    )
  }
  return { text: granted, tag: 'SET' }
}

function isBeyond({ isolation, access, deferrable }: Modes, rules: Rules): boolean {
  const isOtherAccess = access !== undefined && (access === 'read only') !== rules.readOnly
  return (
    isOtherAccess ||
    deferrable ||
    (isolation !== undefined && isStronger(isolation, rules.isolation))
  )
}

function planBegin({ tag, modes }: BeginStatement, planning: Planning): Plan {
  const { text, rules, work } = planning
  refuseSeveral(planning)
  refuseModes(text, modes, rules)
  if (work.begun !== undefined) {
    const error = refused(
      text,
      'a transaction was begun through this client and not ended, and one is open at a time: ' +
        'await the first one, or nest with `coordinator.transaction`',
    )
    // Whoever asked may go on as if it had begun, or send ROLLBACK for what is the other's.
    work.doom(error)
    throw error
  }
  const begun = { name: planning.nextName(), ending: false }
  work.begun = begun
  return {
    text: `savepoint ${begun.name}`,
    tag,
    move: { act: 'set', name: begun.name },
    undo: () => {
      work.begun = undefined
    },
  }
}

/** Modes that the branch has anyway are granted; what a savepoint can't give is refused. */
function refuseModes(text: string, modes: Modes | undefined, rules: Rules): void {
  if (modes === undefined) throw refused(text, 'BEGIN with modes that are not known')
  const { isolation, access, deferrable } = modes
  if (isolation !== undefined && isStronger(isolation, rules.isolation)) {
    throw refused(
      text,
      `the branch runs at ${rules.isolation}, and a transaction inside it can't be ` +
        `${isolation}: pass the option \`isolation\` to the outer transaction`,
    )
  }
  const isReadOnly = access === 'read only'
  if ((access !== undefined && isReadOnly !== rules.readOnly) || deferrable) {
    throw refused(
      text,
      'a transaction inside the branch has the access of the branch: pass the option ' +
        '`readOnly` to the outer transaction',
    )
  }
}

function planEnd({ kind, form }: EndStatement, planning: Planning): Plan {
  const { text, work } = planning
  refuseSeveral(planning)
  if (form !== 'plain') throw refused(text, 'AND CHAIN would begin a transaction of its own')
  const { begun } = work
  if (begun === undefined || begun.ending) {
    throw refused(
      text,
      kind === 'commit'
        ? 'it would end the branch, which commits when the work returns'
        : 'it would end the branch: throw an error to roll the transaction back',
    )
  }
  begun.ending = true
  const undo = (): void => {
    begun.ending = false
  }
  const { name } = begun
  if (kind === 'commit') {
    const text = `release savepoint ${name}`
    return { text, tag: 'COMMIT', move: { act: 'release', name }, undo }
  }
  return {
    text: planning.undoOf(name),
    tag: 'ROLLBACK',
    move: { act: 'undo', name },
    undo,
  }
}

function planSavepoint(text: string, { kind, name }: SavepointStatement): Plan {
  if (name.startsWith(savepointPrefix)) {
    throw refused(text, `savepoints named ${savepointPrefix}... are the coordinator's`)
  }
  const act = { savepoint: 'set', release: 'release', 'rollback-to': 'roll-back-to' } as const
  return { move: { act: act[kind], name } }
}

/** What is rewritten has to be all there is: the rest would be lost without a word. */
function refuseSeveral({ text, isSeveral }: Planning): void {
  if (isSeveral) throw severalRefused(text)
}

/** A batch is all of its branch: throws for what begins, ends or divides a transaction. */
export function refuseInBatch(text: string, plan: Plan, isSeveral: boolean): void {
  if (plan.text !== undefined || plan.move !== undefined) {
    throw refused(text, 'a batch is one transaction: it takes no statements about transactions')
  }
  if (isSeveral) throw severalRefused(text)
}

export function severalRefused(text: string): AssentError {
  return refused(text, 'several statements in one text: send them one by one')
}

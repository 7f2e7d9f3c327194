/**
 * What becomes of each statement of the user: sent as it is, sent as something else, or refused.
 *
 * Keeps A1: `BEGIN`, `COMMIT` and `ROLLBACK`, as ORMs send them, become a savepoint, its release and
 * the return to it, so that nothing of the user's ends the branch. One such transaction is open at a
 * time: of two on one client, the ROLLBACK of one would undo the work of the other.
 */
import { AssentError } from '../../core/errors.ts'
import type { TransactionId } from '../../core/ids.ts'
import { type IsolationLevel, isolationLevels } from './options.ts'
import { savepointPrefix } from './sql.ts'
import { isSeveral, type Modes, readStatement, type Statement } from './statements.ts'
import { type SavepointMove, shown, type Work } from './work.ts'

/** What the branch is, as far as statements depend on it. */
export interface Rules {
  readonly transaction: TransactionId
  readonly isolation: IsolationLevel
  readonly readOnly: boolean
  /** Whether the branch will be asked to prepare. */
  readonly mustPrepare: boolean
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

/** The plan for a text; throws `ASSENT_STATEMENT_REFUSED`. */
export function planFor(text: string, rules: Rules, work: Work, nextName: () => string): Plan {
  const statement = readStatement(text)
  switch (statement.kind) {
    case 'begin':
      return planBegin(text, statement, { rules, work, nextName })
    case 'commit':
    case 'rollback':
      return planEnd(text, statement, work)
    case 'savepoint':
    case 'release':
    case 'rollback-to':
      return planSavepoint(text, statement)
    case 'set-transaction':
      throw refused(
        text,
        "the branch's transaction has begun, so its modes are set: pass the options `isolation` " +
          'and `readOnly` to the transaction instead',
      )
    case 'two-phase':
      throw refused(text, `${statement.words} is the coordinator's to send`)
    case 'unpreparable':
      return planUnpreparable(text, statement.what, rules, work)
    case 'plain':
      if (/synchronous_commit/i.test(text)) work.mayHaveWeakened = true
      if (statement.changesSession) work.sessionChange ??= shown(text)
      return {}
  }
}

export function refused(text: string, reason: string): AssentError {
  const statement = shown(text)
  return new AssentError('ASSENT_STATEMENT_REFUSED', `${reason} (refused: ${statement})`, {
    statement,
  })
}

function planBegin(
  text: string,
  { tag, modes }: Statement & { kind: 'begin' },
  { rules, work, nextName }: { rules: Rules; work: Work; nextName: () => string },
): Plan {
  refuseSeveral(text)
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
  const begun = { name: nextName(), ending: false }
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

function isStronger(one: IsolationLevel, other: IsolationLevel): boolean {
  return isolationLevels.indexOf(one) > isolationLevels.indexOf(other)
}

function planEnd(
  text: string,
  { kind, form }: Statement & { kind: 'commit' | 'rollback' },
  work: Work,
): Plan {
  refuseSeveral(text)
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
    text: `rollback to savepoint ${name}; release savepoint ${name}`,
    tag: 'ROLLBACK',
    move: { act: 'undo', name },
    undo,
  }
}

function planSavepoint(
  text: string,
  { kind, name }: Statement & { kind: 'savepoint' | 'release' | 'rollback-to' },
): Plan {
  if (name.startsWith(savepointPrefix)) {
    throw refused(text, `savepoints named ${savepointPrefix}... are the coordinator's`)
  }
  const act = { savepoint: 'set', release: 'release', 'rollback-to': 'roll-back-to' } as const
  return { move: { act: act[kind], name } }
}

function planUnpreparable(text: string, what: string, rules: Rules, work: Work): Plan {
  if (rules.mustPrepare) {
    throw refused(
      text,
      `PostgreSQL can't prepare a transaction with ${what}, so it could not commit atomically ` +
        'with others: do it after the commit, or in a transaction of its own',
    )
  }
  work.sessionChange ??= shown(text)
  return {}
}

/** What is rewritten has to be all there is: the rest would be lost without a word. */
function refuseSeveral(text: string): void {
  if (isSeveral(text)) throw severalRefused(text)
}

export function severalRefused(text: string): AssentError {
  return refused(text, 'several statements in one text: send them one by one')
}

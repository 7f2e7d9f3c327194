/**
 * What becomes of each statement of the user: sent as it is, sent as something else, or refused.
 * Whatever is about transactions is planned as for every database; the rest is MariaDB's and MySQL's.
 */
import { type Plan, planTransaction, type Rules, refused } from '../sql/plans.ts'
import { shown } from '../sql/work.ts'
import { undoSavepoint } from './sql.ts'
import { isSeveral, readStatement } from './statements.ts'
import type { MysqlWork } from './work.ts'

/** The plan for a text; throws `ASSENT_STATEMENT_REFUSED`. */
export function planFor(text: string, rules: Rules, work: MysqlWork, nextName: () => string): Plan {
  const statement = readStatement(text)
  switch (statement.kind) {
    case 'implicit-commit':
      throw refused(
        text,
        `${statement.words} commits the transaction that is open, so it can't run inside a branch: ` +
          'do it before or after',
      )
    case 'consistent-snapshot':
      throw refused(
        text,
        'WITH CONSISTENT SNAPSHOT would begin a transaction of its own: at REPEATABLE READ the ' +
          "branch's first read takes its snapshot",
      )
    case 'set-autocommit':
      throw refused(
        text,
        'the branch commits when the work returns, so autocommit is not to be set',
      )
    case 'set-global':
      throw refused(
        text,
        "it would change the server's setting for all its sessions, which no rollback takes back: " +
          'do it before or after',
      )
    case 'opaque':
      work.opaque ??= shown(text)
      return {}
    case 'temporary-table':
      return planTemporary(text, rules, work)
    case 'plain':
      if (statement.changesSession) work.sessionChange ??= shown(text)
      return {}
    default:
      return planTransaction(statement, {
        text,
        isSeveral: isSeveral(text),
        rules,
        work,
        nextName,
        undoOf: undoSavepoint,
        // SET TRANSACTION does not go through inside a transaction, not even for what it is.
        granted: 'do 0',
      })
  }
}

function planTemporary(text: string, rules: Rules, work: MysqlWork): Plan {
  if (rules.mustPrepare) {
    throw refused(
      text,
      'a temporary table belongs to the session and is not rolled back with the branch (MySQL ' +
        "can't prepare with one): use a table, or a transaction with this resource alone",
    )
  }
  work.sessionChange ??= shown(text)
  return {}
}

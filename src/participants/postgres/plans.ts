/**
 * What becomes of each statement of the user: sent as it is, sent as something else, or refused.
 * Whatever is about transactions is planned as for every database; the rest is PostgreSQL's own.
 */
import { type Plan, planTransaction, type Rules, refused } from '../sql/plans.ts'
import { shown } from '../sql/work.ts'
import { undoSavepoint } from './sql.ts'
import { readText } from './statements.ts'
import type { PostgresWork } from './work.ts'

/** The plan for a text; throws `ASSENT_STATEMENT_REFUSED`. */
export function planFor(
  text: string,
  rules: Rules,
  work: PostgresWork,
  nextName: () => string,
): Plan {
  const { statement, isSeveral, speaksOfDurability } = readText(text)
  switch (statement.kind) {
    case 'unpreparable':
      return planUnpreparable(text, statement.what, rules, work)
    case 'plain':
      if (speaksOfDurability) work.mayHaveWeakened = true
      if (statement.changesSession) work.sessionChange ??= shown(text)
      return {}
    default:
      return planTransaction(statement, {
        text,
        isSeveral,
        rules,
        work,
        nextName,
        undoOf: undoSavepoint,
        granted: `set transaction isolation level ${rules.isolation}`,
      })
  }
}

function planUnpreparable(text: string, what: string, rules: Rules, work: PostgresWork): Plan {
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

/**
 * What a log's owner writes, as statements of one transaction. Each is sent with arrays, so that the
 * decisions of many transactions are one statement.
 */
import type { TableChange } from '../../../core/decision-table.ts'
import type { LogIdentity } from '../../../core/ids.ts'
import { invariant } from '../../../core/invariant.ts'
import type { OwnStatement } from '../own-query.ts'
import { hexOf, textOfKey } from './rows.ts'
import type { DecisionStatements } from './statements.ts'

/** A statement, and the tag and count that prove it; no count where any will do. */
export interface Expected {
  readonly statement: OwnStatement
  readonly command: string
  readonly rowCount?: number
}

/** Removals go first: what has the same name as a new record would else take that with it. */
export function statementsOf(
  change: TableChange,
  log: LogIdentity,
  statements: DecisionStatements,
): Expected[] {
  return [
    ...logChange(change, log, statements),
    ...decisionsChange(change, log, statements),
    ...recordsChange(change, log, statements),
  ]
}

function logChange(
  { epoch, isClean }: TableChange,
  log: LogIdentity,
  { log: table }: DecisionStatements,
): Expected[] {
  const values: string[] = [log]
  const sets: string[] = []
  if (epoch !== undefined) sets.push(`epoch = $${values.push(String(epoch))}::bigint`)
  if (isClean !== undefined) sets.push(`is_clean = $${values.push(String(isClean))}::boolean`)
  if (sets.length === 0) return []
  const own = `update ${table} set ${sets.join(', ')} where identity = $1`
  return [{ statement: { own, values }, command: 'UPDATE', rowCount: 1 }]
}

function decisionsChange(
  { decisions = [], settled = [] }: TableChange,
  log: LogIdentity,
  { decision: table, schema }: DecisionStatements,
): Expected[] {
  const changes: Expected[] = []
  if (settled.length > 0) {
    const own = `delete from ${table} where log = $1 and transaction = any($2::text[])`
    const values = [log, textArray(settled.map(textOfKey))]
    const name = `assent_settle_rows_1_${schema}`
    changes.push({ statement: { own, name, values }, command: 'DELETE' })
  }
  if (decisions.length > 0) {
    const foreign = decisions.find((row) => row.log !== log)
    invariant(foreign === undefined, 'A7', 'a session writes decisions of its own log', foreign)
    const own = `insert into ${table} (log, transaction, decision, record)
select $1, d.transaction, d.decision, pg_catalog.decode(d.record, 'hex')
from unnest($2::text[], $3::text[], $4::text[]) as d (transaction, decision, record)`
    const values = [
      log,
      textArray(decisions.map(({ transaction }) => textOfKey(transaction))),
      textArray(decisions.map(({ decision }) => decision)),
      textArray(decisions.map(({ record }) => hexOf(record))),
    ]
    const name = `assent_rows_1_${schema}`
    const rowCount = decisions.length
    changes.push({ statement: { own, name, values }, command: 'INSERT', rowCount })
  }
  return changes
}

function recordsChange(
  { records = [], removed = [] }: TableChange,
  log: LogIdentity,
  { record: table, schema }: DecisionStatements,
): Expected[] {
  const changes: Expected[] = []
  if (removed.length > 0) {
    const own = `delete from ${table} where log = $1 and name = any($2::text[])`
    const name = `assent_remove_records_1_${schema}`
    changes.push({
      statement: { own, name, values: [log, textArray(removed)] },
      command: 'DELETE',
    })
  }
  // One statement writes no row twice; of two records under one name the later stands.
  const latest = new Map(records.map(({ name, record }) => [name, record]))
  if (latest.size > 0) {
    const own = `insert into ${table} (log, name, record)
select $1, r.name, pg_catalog.decode(r.record, 'hex')
from unnest($2::text[], $3::text[]) as r (name, record)
on conflict (log, name) do update set record = excluded.record`
    const values = [log, textArray([...latest.keys()]), textArray([...latest.values()].map(hexOf))]
    const name = `assent_records_1_${schema}`
    changes.push({ statement: { own, name, values }, command: 'INSERT', rowCount: latest.size })
  }
  return changes
}

/** As PostgreSQL reads a `text[]`. */
export function textArray(texts: readonly string[]): string {
  const items = texts.map((text) => `"${text.replaceAll(/["\\]/g, String.raw`\$&`)}"`)
  return `{${items.join(',')}}`
}

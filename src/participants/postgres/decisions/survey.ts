/** What a database has of the decision tables, and what a role may do with them. */
import { fieldOf, type PgResult } from '../driver.ts'
import type { Asking } from '../fate.ts'
import { textArray } from './changes.ts'
import { type TableName, type TableShape, tableShapes } from './tables.ts'

export type Right = 'select' | 'insert' | 'update' | 'delete'

export interface FoundTable {
  readonly shape: TableShape
  readonly isThere: boolean
  /** What is wrong with one that is there, in words. */
  readonly flaw: string | undefined
  /** What the role lacks of all rights. */
  readonly missing: readonly Right[]
}

export interface Survey {
  /** Quoted where it has to be. */
  readonly role: string
  readonly isStandby: boolean
  readonly hasSchema: boolean
  readonly mayUseSchema: boolean
  readonly tables: readonly FoundTable[]
}

/** Without a role: the connection's own. */
export async function surveyTables(
  connection: Asking,
  schema: string,
  role?: string,
): Promise<Survey> {
  const about = await connection.ask(surroundings, [schema, role])
  const names = textArray(tableShapes.map(({ name }) => name))
  const tables = await connection.ask(tablesQuery, [schema, names, role])
  const rows = new Map(tables.flatMap(({ rows: found }) => found.map((row) => [row.name, row])))
  return {
    role: fieldOf(about, 'role') ?? '',
    isStandby: fieldOf(about, 'standby') === 'true',
    hasSchema: fieldOf(about, 'found') === 'true',
    mayUseSchema: fieldOf(about, 'usage') === 'true',
    tables: tableShapes.map((shape) => readTable(shape, rows.get(shape.name))),
  }
}

const surroundings = `select pg_catalog.quote_ident(r.rolname::text) as role,
  pg_catalog.pg_is_in_recovery()::text as standby,
  (n.oid is not null)::text as found,
  coalesce(pg_catalog.has_schema_privilege(r.oid, n.oid, 'usage'), false)::text as usage
from pg_catalog.pg_roles r left join pg_catalog.pg_namespace n on n.nspname = $1
where r.rolname = coalesce($2, current_user::text)`

/** A role that row security does not bind sees and writes every row. */
const tablesQuery = `select t.name, c.relkind::text as kind, c.relpersistence::text as persistence,
  (c.relrowsecurity and not r.rolsuper and not r.rolbypassrls and
    (c.relforcerowsecurity or not pg_catalog.pg_has_role(r.oid, c.relowner, 'usage')))::text as hidden,
  (exists (select from pg_catalog.pg_rewrite w where w.ev_class = c.oid)
    or exists (select from pg_catalog.pg_trigger g where g.tgrelid = c.oid
      and not g.tgisinternal and g.tgenabled <> 'D' and g.tgtype & 3 = 3))::text as interfered,
  (select pg_catalog.string_agg(a.attname || ' ' || pg_catalog.format_type(a.atttypid, null), ',')
    from pg_catalog.pg_attribute a
    where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) as columns,
  (select pg_catalog.string_agg(a.attname, ',') from pg_catalog.pg_attribute a
    where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attnotnull
      and not a.atthasdef and a.attidentity = '') as demanded,
  (select pg_catalog.string_agg(a.attname, ',') from pg_catalog.pg_attribute a
    where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and not a.attnotnull)
    as optional,
  (select pg_catalog.string_agg(k.columns, ';') from (
    select pg_catalog.string_agg(a.attname, ', ' order by p.at) as columns
    from pg_catalog.pg_index i
    cross join lateral unnest(i.indkey::int2[]) with ordinality p (number, at)
    join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = p.number
    where i.indrelid = c.oid and i.indisunique and i.indisvalid and i.indimmediate
      and i.indpred is null and i.indexprs is null and p.at <= i.indnkeyatts
    group by i.indexrelid) k) as keys,
  (select pg_catalog.string_agg(w.word, ',')
    from unnest('{select,insert,update,delete}'::text[]) w (word)
    where not pg_catalog.has_table_privilege(r.oid, c.oid, w.word)) as missing
from unnest($2::text[]) t (name)
join pg_catalog.pg_roles r on r.rolname = coalesce($3, current_user::text)
left join (pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace and n.nspname = $1)
  on c.relname = t.name`

function readTable(shape: TableShape, row: PgResult['rows'][number] | undefined): FoundTable {
  const field = (name: string): string => {
    const value = row?.[name]
    return value === undefined || value === null ? '' : String(value)
  }
  const missing = field('missing') === '' ? [] : (field('missing').split(',') as Right[])
  return { shape, isThere: field('kind') !== '', flaw: flawOf(shape, field), missing }
}

function flawOf(shape: TableShape, field: (name: string) => string): string | undefined {
  if (field('kind') === '') return undefined
  if (field('kind') !== 'r' && field('kind') !== 'p') return 'is no table'
  if (field('persistence') !== 'p') return 'is not logged, so a crash of the server empties it'
  if (field('hidden') === 'true') return 'has row security, which may hide rows or refuse them'
  if (field('interfered') === 'true') return 'has a rule or a trigger that can drop rows'
  const found = new Set(field('columns').split(','))
  const absent = shape.columns.find(([name, type]) => !found.has(`${name} ${type}`))
  if (absent !== undefined) return `has no column ${absent[0]} of the type ${absent[1]}`
  const known = new Set(shape.columns.map(([name]) => name))
  const demanded = field('demanded').split(',').filter(Boolean)
  const stranger = demanded.find((name) => !known.has(name))
  if (stranger !== undefined) return `wants a value for its column ${stranger}, which is not ours`
  // A row without its log is how the decision of a process that lost its log is refused.
  const optional = field('optional')
    .split(',')
    .find((name) => known.has(name))
  if (optional !== undefined) return `lets its column ${optional} be null`
  const keys = field('keys').split(';')
  const key = shape.keys.find((each) => !keys.includes(each))
  return key === undefined ? undefined : `has no unique index of (${key})`
}

/** What a deciding branch does with the tables, under the role of the pool. */
export const carrying: Readonly<Record<TableName, readonly Right[]>> = {
  assent_log: ['select'],
  assent_decision: ['insert'],
  assent_record: [],
}

/**
 * The tables that keep decisions: what they are called, what they look like, and the statements that
 * make them and give the rights to them.
 *
 *     assent_log        the logs of an installation, one to a slot, each with its epoch
 *     assent_decision   the decisions, under the keys of their transactions (A2)
 *     assent_record     what else a log has to keep, under names of its own
 *
 * They have a schema of their own, so that no tool for migrations takes them for drift.
 */

export type TableName = 'assent_log' | 'assent_decision' | 'assent_record'

export interface TableShape {
  readonly name: TableName
  /** Name, type, and what else its definition says. */
  readonly columns: readonly (readonly [name: string, type: string, rest: string])[]
  /** Columns that are unique together; the first are the primary key. */
  readonly keys: readonly string[]
}

/** Texts compare by their bytes: that is quicker, and no update of a collation spoils the indexes. */
const text = 'collate "C" not null'

export const tableShapes: readonly TableShape[] = [
  {
    name: 'assent_log',
    columns: [
      ['installation', 'text', text],
      ['slot', 'integer', 'not null'],
      ['identity', 'text', text],
      ['epoch', 'bigint', 'not null'],
      ['is_clean', 'boolean', 'not null'],
    ],
    keys: ['installation, slot', 'identity'],
  },
  {
    name: 'assent_decision',
    columns: [
      ['log', 'text', text],
      ['transaction', 'text', text],
      ['decision', 'text', `${text} check (decision in ('committed', 'aborted'))`],
      ['record', 'bytea', 'not null'],
    ],
    keys: ['log, transaction'],
  },
  {
    name: 'assent_record',
    columns: [
      ['log', 'text', text],
      ['name', 'text', text],
      ['record', 'bytea', 'not null'],
    ],
    keys: ['log, name'],
  },
]

export const schemaByDefault = 'assent'

/** A schema's name in a statement; another than ours may be a word of SQL. */
export function schemaInSql(schema: string): string {
  return schema === schemaByDefault ? schema : `"${schema}"`
}

export function tableInSql(schema: string, table: TableName): string {
  return `${schemaInSql(schema)}.${table}`
}

/** Makes the schema. */
export function createSchema(schema: string): string {
  return `create schema ${schemaInSql(schema)}`
}

/** Makes one of the tables. */
export function createTable(schema: string, table: TableName): string {
  const lines = tableShapes
    .filter(({ name }) => name === table)
    .flatMap(({ columns, keys: [primary, ...others] }) => [
      ...columns.map((column) => column.join(' ')),
      `primary key (${primary})`,
      ...others.map((key) => `unique (${key})`),
    ])
  return `create table ${tableInSql(schema, table)} (\n  ${lines.join(',\n  ')}\n)`
}

/** What a role needs; `role` is quoted where it has to be. */
export function grantRights(schema: string, role: string): string[] {
  const tables = tableShapes.map(({ name }) => tableInSql(schema, name)).join(', ')
  return [
    `grant usage on schema ${schemaInSql(schema)} to ${role}`,
    `grant select, insert, update, delete on ${tables} to ${role}`,
  ]
}

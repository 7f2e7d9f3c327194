/**
 * Makes sure of the decision tables before anything is decided (A5): that they are there, as they must
 * be, and may be used by whom has to; and makes them where that was asked for. What is missing is
 * refused with the statements that mend it, to be run by somebody who may.
 */
import { AssentError, messageOf } from '../../../core/errors.ts'
import { sqlState, sqlStateOf } from '../failures.ts'
import type { Asking } from '../fate.ts'
import { carrying, type Survey, surveyTables } from './survey.ts'
import { createSchema, createTable, grantRights, tableInSql } from './tables.ts'

export interface Preparation {
  readonly connection: Asking
  readonly resource: string
  readonly schema: string
  /** Whether what is missing is made. */
  readonly create: boolean
  /** The role of the pool, where connections of our own may have another. */
  readonly poolRole: (() => Promise<string>) | undefined
}

interface Problem {
  readonly problem: string
  /** The statements that mend it; none where it takes a person to know how. */
  readonly statements: readonly string[]
}

/** Two that make them at once take turns. */
const takeTurn = `select pg_catalog.pg_advisory_xact_lock(
  pg_catalog.hashtextextended('assent/create', 0))`

export async function prepareTables(preparation: Preparation): Promise<void> {
  const { connection, schema, poolRole } = preparation
  let survey = await surveyTables(connection, schema)
  // Not for good: it may be promoted.
  if (survey.isStandby) throw new Error('the server is in recovery, and can not be written to')
  if (preparation.create && missingParts(survey, schema).length > 0) {
    survey = await create(preparation)
  }
  refuseFor(preparation, problemOf(survey, schema))
  if (poolRole === undefined) return
  const ofPool = await surveyTables(connection, schema, await poolRole())
  refuseFor(preparation, rightsProblem(ofPool, schema, carrying))
}

/** What is not there, as the statements that make it. */
function missingParts({ hasSchema, tables }: Survey, schema: string): string[] {
  return [
    ...(hasSchema ? [] : [createSchema(schema)]),
    ...tables.filter(({ isThere }) => !isThere).map(({ shape }) => createTable(schema, shape.name)),
  ]
}

async function create(preparation: Preparation): Promise<Survey> {
  const { connection, schema } = preparation
  try {
    await connection.send(`begin; ${takeTurn}`)
    // Another process may have made them while we waited.
    const missing = missingParts(await surveyTables(connection, schema), schema)
    for (const statement of missing) await connection.send(statement)
    await connection.send('commit')
  } catch (error) {
    await connection.send('rollback')
    if (sqlStateOf(error) !== sqlState.insufficientPrivilege) throw error
    const survey = await surveyTables(connection, schema)
    const problem = `the role ${survey.role} may not make the decision tables: ${messageOf(error)}`
    refuseFor(preparation, { ...absence(survey, schema), problem })
  }
  return await surveyTables(connection, schema)
}

function problemOf(survey: Survey, schema: string): Problem | undefined {
  if (missingParts(survey, schema).length > 0) return absence(survey, schema)
  const flawed = survey.tables.find(({ flaw }) => flaw !== undefined)
  if (flawed !== undefined) {
    const table = tableInSql(schema, flawed.shape.name)
    return { problem: `the table ${table} ${flawed.flaw}`, statements: [] }
  }
  return rightsProblem(survey, schema)
}

function absence(survey: Survey, schema: string): Problem {
  return {
    problem: `the decision tables are not there, in the schema ${schema}`,
    statements: [...missingParts(survey, schema), ...grantRights(schema, survey.role)],
  }
}

/** `needed`: of the rights to each table, those that the role needs; by default all. */
function rightsProblem(
  { role, mayUseSchema, tables }: Survey,
  schema: string,
  needed?: typeof carrying,
): Problem | undefined {
  const lacking = tables.flatMap(({ shape: { name }, missing }) =>
    missing
      .filter((right) => needed === undefined || needed[name].includes(right))
      .map((right) => `${right} on ${tableInSql(schema, name)}`),
  )
  if (!mayUseSchema) lacking.unshift(`usage on schema ${schema}`)
  if (lacking.length === 0) return undefined
  return {
    problem: `the role ${role} lacks rights to the decision tables: ${lacking.join(', ')}`,
    statements: grantRights(schema, role),
  }
}

function refuseFor(
  { resource, create: isCreating }: Preparation,
  found: Problem | undefined,
): void {
  if (found === undefined) return
  const { problem, statements } = found
  const sql = statements.map((statement) => `${statement};`).join('\n')
  const cure = cureOf(sql, isCreating)
  throw new AssentError('ASSENT_RESOURCE_REFUSED', `${resource}: ${problem}. ${cure}`, {
    resource,
    problem,
    cure,
  })
}

function cureOf(sql: string, isCreating: boolean): string {
  if (sql === '') return 'Move it aside, or give Assent another schema by `decisionSchema`.'
  const option = isCreating ? '' : ', or open with `decisions: { ..., create: true }`'
  return `Run this as the owner of the database${option}:\n${sql}`
}

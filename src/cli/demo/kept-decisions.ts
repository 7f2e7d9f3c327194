/** Where a run keeps its decisions, and how they are read when all is over: past every coordinator. */

import type { LogIdentity } from '../../core/ids.ts'
import { type LogReading, readFileLogs } from '../../log/file/read.ts'
import { readContents } from '../../log/participant/contents.ts'
import { nodeDisk } from '../../node/disk.ts'
import { readDecision, readRecord } from '../../participants/postgres/decisions/rows.ts'
import { UsageError } from '../failures.ts'
import type { Queries } from './database.ts'
import type { DatabaseUrl } from './database-url.ts'

/** As the option `--decisions` names them. */
export const decisionPlaces = ['log', 'participant'] as const
export type DecisionPlace = (typeof decisionPlaces)[number]

export type KeptDecisions =
  | { readonly place: 'log'; readonly directory: string }
  /** In the left database, in this schema. */
  | { readonly place: 'participant'; readonly schema: string }

/** What the audit asks of a log, wherever it is kept. */
export type DecisionsReading = Pick<LogReading, 'identity' | 'outcome' | 'unfinished'>

/** Throws `UsageError` for another word, and where the left database can't keep decisions. */
export function readDecisionPlace(
  text: string | undefined,
  urls: readonly DatabaseUrl[],
): DecisionPlace {
  const place = text === undefined ? 'log' : decisionPlaces.find((each) => each === text)
  if (place === undefined) {
    throw new UsageError(`--decisions takes ${decisionPlaces.join(' or ')}, not '${text}'`)
  }
  const [left] = urls.length === 2 ? urls : []
  if (place === 'participant' && left !== undefined && left.kind !== 'postgres') {
    throw new UsageError(
      'with --decisions participant the first database keeps them, and has to be PostgreSQL',
    )
  }
  return place
}

/** For people. */
export function shownPlaceOf(kept: KeptDecisions): string {
  return kept.place === 'log' ? kept.directory : `schema ${kept.schema} in the left database`
}

/** Every log of the run. Throws where one can't be read. */
export async function readDecisions(
  kept: KeptDecisions,
  left: Queries,
): Promise<readonly DecisionsReading[]> {
  if (kept.place === 'participant') return await readTables(left, kept.schema)
  const reading = await readFileLogs(nodeDisk(), kept.directory)
  return (reading?.slots ?? []).flatMap(({ log, problem }) => {
    if (problem !== undefined) throw problem
    return log ?? []
  })
}

async function readTables(left: Queries, schema: string): Promise<readonly DecisionsReading[]> {
  const logs = await left.query(`select identity from ${schema}.assent_log`)
  return await Promise.all(
    logs.rows.map((row) => readTable(left, schema, String(row.identity) as LogIdentity)),
  )
}

async function readTable(
  left: Queries,
  schema: string,
  identity: LogIdentity,
): Promise<DecisionsReading> {
  const decisions = await left.query(
    `select transaction, decision, encode(record, 'hex') as record
     from ${schema}.assent_decision where log = ?`,
    [identity],
  )
  const records = await left.query(
    `select name, encode(record, 'hex') as record from ${schema}.assent_record where log = ?`,
    [identity],
  )
  const contents = {
    decisions: decisions.rows.map((row) => readDecision(identity, row)),
    records: records.rows.map(readRecord),
  }
  const { state } = readContents(`the log ${identity}`, contents, Date.now())
  return {
    identity,
    unfinished: state.unfinished(),
    outcome: (transaction) => state.outcome(transaction),
  }
}

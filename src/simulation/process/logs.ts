/** The decision logs of a process: in files, or in the database that keeps the decisions. */
import type { DecisionLog, DecisionLogs } from '../../log/contract.ts'
import { openFileLogs } from '../../log/file/open.ts'
import { openTableLogs } from '../../log/participant/open.ts'
import { preparedOf } from '../checkers/left-prepared.ts'
import { watchedLogs } from '../checkers/log-watch.ts'
import type { Database } from '../database/database.ts'
import { DatabaseParticipant } from '../database/participant.ts'
import { installation, logDirectory, type Surroundings } from '../surroundings.ts'
import type { Incarnation } from './incarnation.ts'

/** Often enough that a run sees it. */
const tidyIntervalMs = 400

/** Watched; `noted` hears of each that is opened. */
export function logsOf(
  by: Incarnation,
  surroundings: Surroundings,
  noted: (log: DecisionLog) => void,
): DecisionLogs {
  const { owners, durable, broken, coverage, trace } = surroundings
  const logs = watchedLogs(unwatchedLogs(by, surroundings), {
    by,
    owners,
    durable,
    broken,
    count: coverage.count,
    note: (what) => trace.note(by.name, what),
    preparedOf: (log) => preparedOf(log, surroundings),
  })
  return {
    open: async () => {
      const log = await logs.open()
      noted(log)
      return log
    },
    adopt: async () => {
      const log = await logs.adopt()
      if (log !== undefined) noted(log)
      return log
    },
    identities: () => logs.identities(),
  }
}

export function databaseParticipant(
  client: Incarnation,
  database: Database,
  { network, plan, broken, coverage }: Surroundings,
): DatabaseParticipant {
  const { poolSize, canCommitOnePhase, decisions, batches } = plan
  return new DatabaseParticipant({
    network,
    client,
    database,
    poolSize,
    canCommitOnePhase,
    beginsLazily: decisions?.beginsLazily ?? false,
    runsBatchesAtOnce: batches?.runsAtOnce ?? false,
    broken,
    count: coverage.count,
  })
}

function unwatchedLogs(by: Incarnation, surroundings: Surroundings): DecisionLogs {
  const { clock, timers, random, disk } = by
  const { plan, databases } = surroundings
  const shared = {
    timers,
    clock,
    random,
    installation,
    slots: plan.processes + 6,
    ...(plan.retention === undefined ? {} : { retention: plan.retention }),
  }
  const deciding = databases.find(({ name }) => name === plan.decisions?.in)
  if (deciding === undefined || plan.decisions === undefined) {
    return openFileLogs({ ...shared, disk, directory: logDirectory, segmentBytes: 16_384 })
  }
  const table = databaseParticipant(by, deciding, surroundings).decisionTable()
  const backgroundTimers = timers
  return openTableLogs({
    ...shared,
    backgroundTimers,
    table,
    resource: deciding.name,
    tidyIntervalMs,
    adoptAfterMs: plan.decisions.adoptAfterMs,
  })
}

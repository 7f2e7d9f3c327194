/**
 * Opens the log of one slot whose lock is held: reads it, raises its epoch, and hands it over.
 *
 * Keeps A8 (the epoch grows with every opening, and is durable before anyone sees it; a process that
 * had the slot before is shut out by it) and A11 (what was read is durable: the database says so when
 * it acknowledges the write of the epoch, which comes after all of it).
 */

import type { DecisionTable, TableSession } from '../../core/decision-table.ts'
import { AssentError } from '../../core/errors.ts'
import { type InstallationName, idLimits } from '../../core/ids.ts'
import { BrokenInvariant } from '../../core/invariant.ts'
import type { Clock, Random, Timers } from '../../core/ports.ts'
import type { DecisionLog } from '../contract.ts'
import type { Retention } from '../kept-outcomes.ts'
import { bounded } from './bounded.ts'
import { readContents } from './contents.ts'
import { logFailed } from './failures.ts'
import { Lease } from './lease.ts'
import { ParticipantLog } from './participant-log.ts'
import { encodeRecords } from './record-bytes.ts'
import { epochName } from './record-names.ts'
import { TableState } from './table-state.ts'
import { WriteLoop } from './write-loop.ts'

/** What all logs of one table share. */
export interface TableLogEnvironment {
  readonly table: DecisionTable
  readonly resource: string
  readonly installation: InstallationName
  readonly retention: Retention
  readonly clock: Clock
  readonly timers: Timers
  readonly backgroundTimers: Timers
  readonly random: Random
  readonly answerLimitMs: number
  readonly waitLimitMs: number
  readonly tidyIntervalMs: number
}

/** `onClosed` is called when the log has given the slot up. */
export async function openSlot(
  env: TableLogEnvironment,
  session: TableSession,
  onClosed: () => void,
): Promise<DecisionLog> {
  const { table, clock, timers, answerLimitMs } = env
  const { identity, slot, epoch: before, isClean } = session.log
  const location = `${table.location}, slot ${slot}`
  const epoch = before + 1
  checkLimits(location, epoch)
  const wallMs = clock.wallMs()
  const contents = await bounded(timers, answerLimitMs, session.read())
  const found = readContents(location, contents, wallMs)
  const state = new TableState(identity, epoch, found)
  const opened = { type: 'epoch', epoch, wallMs } as const
  state.log.apply(opened)
  const record = { name: epochName(epoch), record: encodeRecords([opened]) }
  const change = { epoch, isClean: false, records: [record] }
  await bounded(timers, answerLimitMs, session.write(change))
  state.retire(wallMs, env.retention)
  return assemble(env, {
    session,
    epoch,
    location,
    state,
    onClosed,
    isClean: before === 0 || isClean,
  })
}

interface Opened {
  readonly session: TableSession
  readonly epoch: number
  readonly location: string
  readonly state: TableState
  readonly isClean: boolean
  readonly onClosed: () => void
}

/** Puts the parts of an open log together. */
function assemble(env: TableLogEnvironment, opened: Opened): DecisionLog {
  const { table, resource, installation, retention, random } = env
  const { clock, timers, backgroundTimers, answerLimitMs, waitLimitMs } = env
  const { session, epoch, location, state } = opened
  const { slot, identity } = session.log
  const loop = new WriteLoop(
    {
      state,
      clock,
      timers,
      backgroundTimers,
      answerLimitMs,
      waitLimitMs,
      explain: (problem, cause) => logFailed(location, problem, cause),
    },
    (made) =>
      new Lease({
        table,
        request: { installation, slot, identity },
        epoch,
        session,
        timers,
        backgroundTimers,
        random,
        answerLimitMs,
        onRegained: (regained) => reconcile(env, made, state, regained),
        onTaken: () => made.fail('was taken by another process', undefined),
        isAwaited: () => made.isAwaited,
      }),
  )
  if (state.changes.hasRecords || state.changes.hasBooks) loop.changed()
  return new ParticipantLog({
    installation,
    identity,
    epoch,
    location,
    closedCleanly: opened.isClean,
    resource,
    table,
    state,
    loop,
    retention,
    clock,
    timers,
    backgroundTimers,
    answerLimitMs,
    tidyIntervalMs: env.tidyIntervalMs,
    onClosed: opened.onClosed,
  })
}

/** A6: what was being written when the session was lost is there, or it is not. */
async function reconcile(
  { timers, answerLimitMs }: TableLogEnvironment,
  loop: WriteLoop,
  state: TableState,
  session: TableSession,
): Promise<void> {
  if (!state.changes.hasDecisions) return
  const { decisions } = await bounded(timers, answerLimitMs, session.read())
  try {
    state.reconcile(decisions)
  } catch (broken) {
    if (broken instanceof BrokenInvariant) loop.fail('does not hold what was written to it', broken)
    throw broken
  }
}

/** A8: ids have room for so many openings, and for no more. */
function checkLimits(location: string, epoch: number): void {
  if (epoch <= idLimits.epoch) return
  throw new AssentError(
    'ASSENT_LOG_INCOMPATIBLE',
    `${location} was opened as often as its ids allow. Begin a new slot for the log.`,
    { file: location },
  )
}

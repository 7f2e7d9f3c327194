/**
 * Opens what a coordinator is made of, in the order that safety asks for: the log is locked,
 * recovered and written anew first; then the resources are examined; then delivery begins. A log
 * that is kept in a participant's database comes after that participant was attached.
 */
import { AssentError } from '../core/errors.ts'
import type { BrokenInvariant } from '../core/invariant.ts'
import type { Clock, Events, Random, Timers } from '../core/ports.ts'
import type { DecisionLog, DecisionLogs, UnfinishedTransaction } from '../log/contract.ts'
import type { LogOwner, Participant } from '../participants/contract.ts'
import { Book } from './book.ts'
import { Books } from './books.ts'
import { Checks } from './checks.ts'
import { Deadlines, onWheel } from './deadlines.ts'
import { Engine } from './engine.ts'
import type { StateChange } from './events.ts'
import { recoverBook } from './recovery.ts'
import { Resources } from './resources.ts'
import { type Settings, settingsFrom } from './settings.ts'
import { Sweep } from './sweep.ts'

/** The logs, or what makes them once the participants are attached. */
export type LogsPort = DecisionLogs | (() => DecisionLogs)

/** The ports that opening needs; see `CoordinatorPorts`. */
export interface OpenPorts {
  readonly clock: Clock
  readonly timers: Timers
  readonly backgroundTimers: Timers
  readonly random: Random
  readonly events: Events<StateChange>
  readonly logs: LogsPort
  readonly onBroken: (broken: BrokenInvariant) => void
}

export interface OpenOptions extends Partial<Settings> {
  readonly resources: Readonly<Record<string, Participant>>
  readonly acceptChanged?: readonly string[]
}

export interface Parts {
  readonly engine: Engine
  readonly books: Books
  readonly sweep: Sweep
  readonly checks: Checks
  readonly openedMs: number
}

export async function openParts(ports: OpenPorts, options: OpenOptions): Promise<Parts> {
  const { clock, random, events, onBroken } = ports
  const settings = settingsFrom(options)
  const participants = checkedParticipants(options.resources)
  let opened: DecisionLog | undefined
  const owner = (): LogOwner | undefined =>
    opened && { installation: opened.installation, log: opened.identity }
  const timers = onWheel(clock, ports.timers)
  for (const [resource, participant] of participants) {
    participant.attach({ resource, clock, timers, random, owner })
  }
  const resources = new Resources(participants, {
    events,
    maxPrepared: settings.maxPrepared,
    acceptChanged: new Set(options.acceptChanged),
  })
  for (const name of options.acceptChanged ?? []) resources.get(name)
  const closeParticipants = async (): Promise<void> => {
    await Promise.allSettled([...participants.values()].map((each) => each.close()))
  }
  const { logs, log } = await openLog(ports.logs).catch(async (failure: unknown) => {
    await closeParticipants()
    throw failure
  })
  opened = log
  const checks = new Checks(resources, log, settings, ports.backgroundTimers)
  try {
    await checks.first(ports.timers)
  } catch (refusal) {
    // The log first: it may be kept by a participant.
    await log.close({ clean: log.closedCleanly })
    await closeParticipants()
    throw refusal
  }
  const deadlines = new Deadlines(clock, ports.timers)
  const engine = new Engine({ settings, clock, random, deadlines, events, resources, onBroken })
  const own = new Book(log, resources, clock)
  const background = ports.backgroundTimers
  const books = new Books({ own, logs, engine, clock, timers: background, events })
  const sweep = new Sweep({ engine, books, clock, timers: background, events })
  if (events.enabled) {
    events.publish({ type: 'log', state: 'opened', log: log.location, cause: undefined })
  }
  const openedMs = clock.monotonicMs()
  engine.guarded(() => recoverBook(engine, own))
  checks.start()
  sweep.start()
  const parts: Parts = { engine, books, sweep, checks, openedMs }
  books.start((book, sinceMs) => isProvedEmpty(parts, book, sinceMs))
  return parts
}

async function openLog(
  given: LogsPort,
): Promise<{ readonly logs: DecisionLogs; readonly log: DecisionLog }> {
  const logs = typeof given === 'function' ? given() : given
  return { logs, log: await logs.open() }
}

/**
 * Whether nothing of a log can be left at any resource: none of its transactions is live, and every
 * resource was looked at long enough after its last process died for a late PREPARE to have landed.
 * What the log still calls unfinished may wait for a lazy record; but while a heuristic waits to be
 * seen, the log stays with somebody who shows it (A10).
 */
export function isProvedEmpty({ engine, sweep }: Parts, book: Book, sinceMs: number): boolean {
  if (book.log.failure !== undefined || book.log.unfinished().some(isUnseenHeuristic)) return false
  for (const live of engine.live.values()) if (live.book === book) return false
  const { orphanIntervalMs, timeoutMs } = engine.settings
  const { votesKnownSinceMs } = book
  if (votesKnownSinceMs === undefined) return false
  // What is left of earlier processes, and of this one: its votes that were given up. A batch of a
  // process that died may wait for a lock as long as its transaction had time, and prepare then.
  const beforeMs = book.log.closedCleanly ? Number.NEGATIVE_INFINITY : sinceMs + timeoutMs
  const quietSinceMs = Math.max(beforeMs, votesKnownSinceMs)
  if (quietSinceMs === Number.NEGATIVE_INFINITY) return true
  return sweep.foundNothingSince(book, quietSinceMs + orphanIntervalMs)
}

function isUnseenHeuristic({ heuristics, forgotten }: UnfinishedTransaction): boolean {
  return heuristics.length > 0 && !forgotten
}

function checkedParticipants(given: OpenOptions['resources']): Map<string, Participant> {
  const participants = new Map(Object.entries(given))
  if (participants.size === 0) throw invalid('names no resource; give it at least one')
  for (const name of participants.keys()) {
    if (!/^[A-Za-z_][A-Za-z0-9_-]{0,62}$/.test(name) || name === 'tx') {
      throw invalid(
        `can not have a resource named ${JSON.stringify(name)}: 1 to 63 letters, digits, _ or -, ` +
          'beginning with a letter or _, and not tx',
      )
    }
  }
  if (new Set(participants.values()).size < participants.size) {
    throw invalid('has one participant under two names; make one for each')
  }
  return participants
}

function invalid(problem: string): AssentError {
  return new AssentError('ASSENT_INVALID_OPTION', `resources ${problem}`, { option: 'resources' })
}

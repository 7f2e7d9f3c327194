/** Taking a connection of the user's pool, in bounded time. */

import { NoAnswer } from '../../core/bounded.ts'
import { AssentError } from '../../core/errors.ts'
import type { ParticipantPorts } from '../contract.ts'
import { within } from './deadline.ts'

/** Waits at most `limitMs`; a connection that arrives later goes to `giveBack` at once. */
export async function takeInTime<Connection>(
  arriving: Promise<Connection>,
  giveBack: (late: Connection) => void,
  { resource, timers }: Pick<ParticipantPorts, 'resource' | 'timers'>,
  limitMs: number,
): Promise<Connection> {
  try {
    return await within(timers, limitMs, 'a connection of the pool', arriving)
  } catch (error) {
    arriving.then(giveBack, () => undefined)
    throw error instanceof NoAnswer ? noConnection(resource, limitMs, error) : error
  }
}

function noConnection(resource: string, limitMs: number, cause: NoAnswer): AssentError {
  return new AssentError(
    'ASSENT_RESOURCE_UNAVAILABLE',
    `${resource}: the pool gave no connection within ${Math.round(limitMs)} ms; it may be too ` +
      'small for what runs at once, or hold connections that were not given back',
    { resource },
    { cause },
  )
}

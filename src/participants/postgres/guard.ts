/**
 * The client that the user's work runs with: the driver's own, behind a proxy.
 *
 * Keeps A1 and A4: its statements go through the dispatcher, it can't be released or ended under the
 * branch, and after the seal every use of it is refused.
 */
import type { Gate } from '../sql/gate.ts'
import { type Guarded, guardClient } from '../sql/guarded-client.ts'
import type { Dispatcher } from './dispatcher.ts'
import type { PgConnection } from './driver.ts'

export function guard(raw: PgConnection, dispatcher: Dispatcher, gate: Gate): Guarded {
  return guardClient({
    raw,
    gate,
    harmless: ['release', 'end'],
    replaced: (key, client) => {
      switch (key) {
        case 'query':
          return (query: unknown, values?: unknown, callback?: unknown) =>
            dispatcher.query(query, values, callback)
        case 'release':
          return () => undefined
        // It is connected; libraries that connect what they are given may do so.
        case 'connect':
        case 'end':
          return (callback?: (error: null, client: object) => void) => tell(client, callback)
        default:
          return undefined
      }
    },
  })
}

/** Answers by promise, or by callback where one is given. */
function tell(client: object, callback?: (error: null, client: object) => void): unknown {
  const answered = Promise.resolve(client)
  if (callback === undefined) return answered
  void answered.then(() => callback(null, client))
  return undefined
}

/**
 * The port `Events` over `node:diagnostics_channel`: one channel for each type of state change,
 * named `assent:<type>`. Without a subscriber, nothing is built and nothing is called.
 */
import { type Channel, channel } from 'node:diagnostics_channel'
import type { StateChange } from '../coordinator/events.ts'
import type { Events } from '../core/ports.ts'

const types: readonly StateChange['type'][] = [
  'transaction',
  'branch',
  'heuristic',
  'resource',
  'orphan',
  'log',
  'operator',
]

export function diagnosticsEvents(): Events<StateChange> {
  const channels = new Map<StateChange['type'], Channel>(
    types.map((type) => [type, channel(`assent:${type}`)]),
  )
  const all = [...channels.values()]
  return {
    get enabled() {
      for (const each of all) if (each.hasSubscribers) return true
      return false
    },
    publish: (change) => channels.get(change.type)?.publish(change),
  }
}

/** The port Clock over Node. */
import type { Clock } from '../core/ports.ts'

export function nodeClock(): Clock {
  return {
    monotonicMs: () => performance.now(),
    wallMs: () => Date.now(),
  }
}

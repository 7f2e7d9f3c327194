/** The memory of an active transaction: many are held open at once, and the heap is weighed. */
import { setImmediate as turn } from 'node:timers/promises'
import { bytesInUse } from '../collector.ts'
import { median } from '../figures.ts'
import type { IdleCoordinator } from './idle-coordinator.ts'

const heldOpenMax = 5_000
const heldOpenPerSecond = 10_000
const weighings = 3

/**
 * Bytes, on the heap and outside of it, of a transaction whose work runs in two branches, the promises
 * of its call and what the two participants hold included; of its user's: one promise. A short
 * benchmark holds fewer open.
 */
export async function activeBytes(coordinator: IdleCoordinator, seconds: number): Promise<number> {
  const heldOpen = Math.min(heldOpenMax, Math.ceil(seconds * heldOpenPerSecond))
  const weighed: number[] = []
  for (let count = 0; count < weighings; count += 1) {
    weighed.push(await weigh(coordinator, heldOpen))
  }
  return median(weighed)
}

async function weigh(coordinator: IdleCoordinator, heldOpen: number): Promise<number> {
  const { promise: end, resolve: letGo } = Promise.withResolvers<void>()
  let entered = 0
  const before = bytesInUse()
  const all = Array.from({ length: heldOpen }, () =>
    coordinator.transaction(['left', 'right'], () => {
      entered += 1
      return end
    }),
  )
  while (entered < heldOpen) await turn()
  const bytes = (bytesInUse() - before) / heldOpen
  letGo()
  await Promise.all(all)
  return bytes
}

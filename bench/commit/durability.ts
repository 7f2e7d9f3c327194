/** Whether the databases force what they acknowledge: asked, and counted. */
import { setTimeout as pause } from 'node:timers/promises'
import type { Bank } from './bank.ts'

/** PostgreSQL's processes report theirs within a second after they fell idle. */
const reportedAfterMs = 1_100

/** Throws unless both servers are set to force their writes. */
export async function refuseUnlessForced({ left, right }: Bank): Promise<void> {
  for (const [name, side] of Object.entries({ left, right })) {
    const lax = await side.laxSetting()
    if (lax !== undefined) throw new Error(`the ${name} server has ${lax}`)
  }
}

/** Of each server; undefined where it has no counter of them. */
export type Syncs = Readonly<Record<'left' | 'right', number | undefined>>

/** Syncs of either server so far. */
export async function countSyncs(bank: Bank): Promise<Syncs> {
  await pause(reportedAfterMs)
  const [left, right] = await Promise.all([bank.left.countSyncs(), bank.right.countSyncs()])
  return { left, right }
}

/** Those in between; throws when a server has a counter and it stood still. */
export function syncsBetween(before: Syncs, after: Syncs): Syncs {
  const grown = (side: keyof Syncs): number | undefined => {
    const [from, to] = [before[side], after[side]]
    if (from === undefined || to === undefined) return undefined
    if (to > from) return to - from
    throw new Error(`the ${side} server counted no sync: is fsync really on?`)
  }
  return { left: grown('left'), right: grown('right') }
}

export function describeSyncs(syncs: Syncs): string {
  const told = Object.entries(syncs).map(([side, count]) =>
    count === undefined
      ? `the ${side} server has no counter of its syncs`
      : `the ${side} server synced ${count} times`,
  )
  return `meanwhile ${told.join(', ')}`
}

/** Of both servers, as far as they are counted. */
export function allSyncs({ left = 0, right = 0 }: Syncs): number {
  return left + right
}

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

/** Syncs of both servers so far. */
export async function countForcedWrites({ left, right }: Bank): Promise<number> {
  await pause(reportedAfterMs)
  const [one, other] = await Promise.all([left.countSyncs(), right.countSyncs()])
  return one + other
}

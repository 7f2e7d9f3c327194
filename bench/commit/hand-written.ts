/**
 * Two-phase commit as a good engineer writes it by hand: both branches begin, prepare and commit in
 * parallel, on pooled connections. Without a log, a crash between the phases leaves branches of which
 * nobody knows the decision; with one, each decision is forced to a file first, and all that wait
 * share one forced write.
 */
import { randomBytes } from 'node:crypto'
import type { PoolClient } from 'pg'
import { move } from './bank.ts'
import type { Contestant, Surroundings } from './contestant.ts'
import { openForcedFile } from './forced-file.ts'

/** What makes a decision durable; nothing, for who has no log. */
interface Decisions {
  force(id: string): Promise<void>
}

export async function openHandWritten(surroundings: Surroundings): Promise<Contestant> {
  return {
    name: 'hand-written',
    transfer: transferOver(surroundings, undefined),
    forcedWrites: () => 0,
    close: () => Promise.resolve(),
  }
}

export async function openHandWrittenLogged(surroundings: Surroundings): Promise<Contestant> {
  const file = await openForcedFile(surroundings.directory)
  return {
    name: 'hand-written-logged',
    transfer: transferOver(surroundings, file),
    forcedWrites: () => file.forcedWrites,
    close: () => file.close(),
  }
}

function transferOver({ bank }: Surroundings, log: Decisions | undefined): Contestant['transfer'] {
  const run = randomBytes(6).toString('hex')
  let count = 0
  return async (account) => {
    count += 1
    const id = `bench-${run}-${count}`
    const [left, right] = await Promise.all([bank.left.connect(), bank.right.connect()])
    try {
      await Promise.all([left.query('begin'), right.query('begin')])
      await move(left, right, account)
      await Promise.all([
        left.query(`prepare transaction '${id}-left'`),
        right.query(`prepare transaction '${id}-right'`),
      ])
      if (log !== undefined) await log.force(id)
    } catch (error) {
      await Promise.all([undo(left, `${id}-left`), undo(right, `${id}-right`)])
      throw error
    }
    // From here on it is decided: a failure would have to be tried again until it is done.
    await Promise.all([
      left.query(`commit prepared '${id}-left'`),
      right.query(`commit prepared '${id}-right'`),
    ])
    left.release()
    right.release()
  }
}

async function undo(client: PoolClient, id: string): Promise<void> {
  await client.query('rollback').catch(() => undefined)
  await client.query(`rollback prepared '${id}'`).catch(() => undefined)
  client.release()
}

/** The role under which the branches of a pool run, and so insert their decisions. */
import type { ParticipantPorts } from '../../contract.ts'
import { within } from '../../sql/deadline.ts'
import { fieldOf, type PgPool } from '../driver.ts'
import { takeSession } from '../session.ts'

export async function roleOfPool(
  pool: PgPool<unknown>,
  ports: Pick<ParticipantPorts, 'resource' | 'timers'>,
  limitMs: number,
): Promise<string> {
  const session = await takeSession(pool, ports, limitMs)
  try {
    const asked = session.send('select current_user::text as role')
    const found = await within(ports.timers, limitMs, 'the role of the pool', asked)
    session.giveBack()
    return fieldOf(found, 'role') ?? ''
  } catch (error) {
    session.destroy(error)
    throw error
  }
}

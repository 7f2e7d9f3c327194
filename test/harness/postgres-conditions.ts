/** Conditions of a PostgreSQL server that tests wait for. */
import type { Pool } from 'pg'

export { until } from './until.ts'

/** The ids prepared in the pool's database, sorted. */
export async function preparedIn(pool: Pool): Promise<string[]> {
  const { rows } = await pool.query<{ gid: string }>(
    'select gid from pg_prepared_xacts where database = current_database() order by gid',
  )
  return rows.map((row) => row.gid)
}

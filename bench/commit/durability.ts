/** Whether the databases force what they acknowledge: asked, and counted. */
import type pg from 'pg'
import type { Bank } from './bank.ts'

/** Throws unless both servers are set to force their writes. */
export async function refuseUnlessForced({ left, right }: Bank): Promise<void> {
  for (const [name, pool] of [
    ['left', left],
    ['right', right],
  ] as const) {
    const { rows } = await pool.query(
      "select current_setting('fsync') as fsync, current_setting('synchronous_commit') as commit",
    )
    const { fsync, commit } = rows[0]
    if (fsync === 'on' && commit === 'on') continue
    throw new Error(`the ${name} server has fsync ${fsync} and synchronous_commit ${commit}`)
  }
}

/** Syncs of the write-ahead logs of both servers so far. */
export async function countForcedWrites({ left, right }: Bank): Promise<number> {
  const [one, other] = await Promise.all([syncsOf(left), syncsOf(right)])
  return one + other
}

/** The servers note them within a second; from version 18 on in `pg_stat_io`. */
async function syncsOf(pool: pg.Pool): Promise<number> {
  const { rows: version } = await pool.query("select current_setting('server_version_num') as it")
  const text =
    Number(version[0].it) >= 180_000
      ? "select sum(fsyncs)::text as syncs from pg_stat_io where object = 'wal'"
      : 'select wal_sync::text as syncs from pg_stat_wal'
  const { rows } = await pool.query(text)
  return Number(rows[0].syncs)
}

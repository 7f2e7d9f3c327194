/** Waiting for conditions, with a bound: tests never wait for time. */
import assert from 'node:assert/strict'
import type { Pool } from 'pg'

const limitMs = 20_000
const pollMs = 10

/** Resolves when `condition` answers true; fails, saying what it waited for, after 20 s. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
): Promise<void> {
  const end = performance.now() + limitMs
  while (!(await condition())) {
    assert.ok(performance.now() < end, `waited ${limitMs} ms in vain for: ${what}`)
    // waits: polls the condition
    await new Promise((resolve) => setTimeout(resolve, pollMs))
  }
}

/** The ids prepared in the pool's database, sorted. */
export async function preparedIn(pool: Pool): Promise<string[]> {
  const { rows } = await pool.query<{ gid: string }>(
    'select gid from pg_prepared_xacts where database = current_database() order by gid',
  )
  return rows.map((row) => row.gid)
}

/** Waiting for conditions, with a bound: tests never wait for time. */
import assert from 'node:assert/strict'

const limitByDefaultMs = 20_000
const pollMs = 10

/** Resolves when `condition` answers true; fails, saying what it waited for, after 20 s. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  limitMs: number = limitByDefaultMs,
): Promise<void> {
  const end = performance.now() + limitMs
  while (!(await condition())) {
    assert.ok(performance.now() < end, `waited ${limitMs} ms in vain for: ${what}`)
    // waits: polls the condition
    await new Promise((resolve) => setTimeout(resolve, pollMs))
  }
}

/**
 * Which pairs of databases the crash tests run over. By default all tests run over two PostgreSQL
 * servers, and those that other databases have a part in over the other pairs, too
 * (`other-pairs.test.ts`). `ASSENT_CRASH_PAIRS` names the pairs, with commas between them, over which
 * all tests run; `all` stands for every pair.
 *
 *     ASSENT_CRASH_PAIRS=postgres+mariadb npm test -- test/crash
 */
import type { Side } from '../worker/settings.ts'
import type { StoreKind } from './store.ts'

export const pairs = ['postgres+postgres', 'postgres+mariadb', 'mariadb+mariadb'] as const
export type Pair = (typeof pairs)[number]

const variable = 'ASSENT_CRASH_PAIRS'

/** The pairs over which all tests run. Throws where one is named that there is not. */
export function chosenPairs(): readonly Pair[] {
  const named = process.env[variable] ?? 'postgres+postgres'
  if (named === 'all') return pairs
  return named.split(',').map((name) => {
    const found = pairs.find((pair) => pair === name.trim())
    if (found !== undefined) return found
    throw new Error(`${variable} takes ${pairs.join(', ')} or all, not '${name}'`)
  })
}

/** Whether somebody asked for a run over pairs by name: then it may take longer. */
export function arePairsNamed(): boolean {
  return process.env[variable] !== undefined
}

export function kindsOf(pair: Pair): Readonly<Record<Side, StoreKind>> {
  const [left, right] = pair.split('+') as [StoreKind, StoreKind]
  return { left, right }
}

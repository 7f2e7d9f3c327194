/** What must hold when everything that was killed has been recovered. */
import assert from 'node:assert/strict'

import type { Bank } from './bank.ts'
import type { Entry } from './worker/diary.ts'
import { journalsOf, type Side, type TransferKind } from './worker/settings.ts'

export interface Books {
  readonly bank: Bank
  /** What the workers noted before they died. */
  readonly entries: readonly Entry[]
  /** What the recovered coordinator answers for each id that was noted. */
  readonly outcomes: ReadonlyMap<string, string>
  /**
   * Kinds of which, in that epoch, the log may say `unknown` though the data are plain: it was told
   * that some commits leave no forced record.
   */
  readonly mayBeUnknown?: readonly TransferKind[]
}

/** How the transactions of one audit ended; a test that has none of a kind proves little. */
export interface Tally {
  readonly committed: number
  readonly aborted: number
  readonly unknown: number
  readonly toldCommitted: number
}

/** Fails, naming the transaction, where data, outcomes and what callers were told disagree. */
export async function auditBooks(books: Books): Promise<Tally> {
  const { bank, entries } = books
  const journals = { left: await bank.journal('left'), right: await bank.journal('right') }
  for (const side of ['left', 'right'] as const) {
    const undone = [...journals[side]].filter((id) => id.endsWith('/undone'))
    assert.deepEqual(undone, [], `what a nested part undid is not in ${side}`)
  }
  let committed = 0
  let aborted = 0
  let unknown = 0
  for (const entry of entries) {
    if (entry.type !== 'began') continue
    const outcome = checkOne(books, journals, entry)
    if (outcome === 'committed') committed += 1
    if (outcome === 'aborted') aborted += 1
    if (outcome === 'unknown') unknown += 1
  }
  // Last: what went wrong above is told with the transaction that it befell.
  await bank.checkMoney()
  const told = entries.filter((each) => each.type === 'told')
  const toldCommitted = told.filter((each) => each.told.result === 'committed').length
  return { committed, aborted, unknown, toldCommitted }
}

function checkOne(
  { entries, outcomes, mayBeUnknown = [] }: Books,
  journals: Readonly<Record<Side, ReadonlySet<string>>>,
  { id, kind }: Extract<Entry, { type: 'began' }>,
): string {
  const outcome = outcomes.get(id) ?? 'not asked'
  const told = entries.find((entry) => entry.type === 'told' && entry.id === id)
  const evidence = JSON.stringify({
    id,
    kind,
    outcome,
    told: told?.type === 'told' ? told.told : 'nothing',
    left: journals.left.has(id),
    right: journals.right.has(id),
  })
  const expected = journalsOf[kind]
  const found = (['left', 'right'] as const).filter((side) => journals[side].has(id))
  const isEverywhere = found.length === expected.length
  const isNowhere = found.length === 0
  assert.ok(isEverywhere || isNowhere, `it happened everywhere or nowhere: ${evidence}`)
  if (outcome === 'committed') assert.ok(isEverywhere, `committed, and not there: ${evidence}`)
  else if (outcome === 'aborted') assert.ok(isNowhere, `aborted, and there: ${evidence}`)
  else {
    const isAllowed = outcome === 'unknown' && mayBeUnknown.includes(kind)
    assert.ok(isAllowed, `it is decided, and the log knows it: ${evidence}`)
  }
  if (told?.type !== 'told') return outcome
  if (told.told.result === 'committed' || told.told.effect === 'applied') {
    assert.ok(isEverywhere && outcome !== 'aborted', `told committed: ${evidence}`)
  } else if (told.told.effect === 'none') {
    assert.ok(isNowhere && outcome !== 'committed', `told that nothing happened: ${evidence}`)
  }
  return outcome
}

/**
 * What the demo means to do, from one seed: which money moves, and what is killed when. The plan of
 * a seed is always the same; how it meets the clock is not.
 */

export type Side = 'left' | 'right'
export const sides: readonly Side[] = ['left', 'right']

export const accountsPerSide = 100
/** Coins on each account at the beginning. */
export const openingBalance = 10_000

/** Some accounts are in everybody's way. */
const hotAccounts = 3
const hotShare = 0.2
const amountMax = 100
/** More than any account can have: the guard against overdrafts must refuse it. */
const excessiveAmount = 3 * accountsPerSide * openingBalance

export interface Place {
  readonly side: Side
  readonly account: number
}

/**
 * `across` moves money from one database to the other, `within` stays in one; `overdraft` asks for
 * more than there is, and `regret` throws when all is done; `look` only reads.
 */
export interface Transfer {
  readonly kind: 'across' | 'within' | 'overdraft' | 'regret' | 'look'
  readonly from: Place
  readonly to: Place
  readonly amount: number
}

/** Of a hundred transfers, about so many are of each kind. */
const shares: readonly (readonly [Transfer['kind'], number])[] = [
  ['across', 78],
  ['within', 10],
  ['overdraft', 5],
  ['regret', 4],
  ['look', 3],
]

/** What is killed at one time. */
export type Blow = 'worker' | 'database' | 'both'

/** A number in [0, 1). */
export type Draw = () => number

/** A stream of numbers from a seed: Mulberry32 (Tommy Ettinger). */
export function drawsFrom(seed: number): Draw {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

export function nextTransfer(draw: Draw): Transfer {
  const kind = kindFor(draw() * 100)
  const fromSide: Side = draw() < 0.5 ? 'left' : 'right'
  const toSide: Side = kind === 'within' ? fromSide : other(fromSide)
  const from = { side: fromSide, account: accountFor(draw) }
  const to = { side: toSide, account: accountFor(draw) }
  const amount = kind === 'overdraft' ? excessiveAmount : 1 + Math.floor(draw() * amountMax)
  // A transfer to the account it comes from would move nothing.
  if (kind !== 'within' || from.account !== to.account) return { kind, from, to, amount }
  return { kind, from, to: { side: toSide, account: (to.account % accountsPerSide) + 1 }, amount }
}

/** Blows without end: the first is on the worker, and of four, one is on a database, one on both. */
export function* blows(draw: Draw): Generator<Blow> {
  for (;;) {
    yield 'worker'
    yield* shuffled<Blow>(['worker', 'database', 'both'], draw)
  }
}

/** Milliseconds until the next blow: half to one and a half times `meanMs`. */
export function nextPauseMs(draw: Draw, meanMs: number): number {
  return meanMs * (0.5 + draw())
}

export function other(side: Side): Side {
  return side === 'left' ? 'right' : 'left'
}

function kindFor(percent: number): Transfer['kind'] {
  let sum = 0
  for (const [kind, share] of shares) {
    sum += share
    if (percent < sum) return kind
  }
  return 'across'
}

function accountFor(draw: Draw): number {
  const range = draw() < hotShare ? hotAccounts : accountsPerSide
  return 1 + Math.floor(draw() * range)
}

function shuffled<Item>(items: readonly Item[], draw: Draw): Item[] {
  const left = [...items]
  const result: Item[] = []
  while (left.length > 0) {
    result.push(...left.splice(Math.floor(draw() * left.length), 1))
  }
  return result
}

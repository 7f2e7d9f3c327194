/** The arithmetic of the benchmarks: what is told of many measurements. Pure. */

/** The value below which the share `fraction` of the values lies, by the nearest rank. */
export function quantile(values: readonly number[], fraction: number): number {
  if (values.length === 0) return Number.NaN
  const sorted = [...values].sort((one, other) => one - other)
  const rank = Math.ceil(fraction * sorted.length)
  return sorted[Math.min(sorted.length, Math.max(1, rank)) - 1] as number
}

/** The middle value; of an even number of values, the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((one, other) => one - other)
  const middle = sorted.length >> 1
  if (sorted.length % 2 === 1) return sorted[middle] as number
  return ((sorted[middle - 1] ?? Number.NaN) + (sorted[middle] ?? Number.NaN)) / 2
}

/** What is told of one figure that was measured in every round. */
export interface Summary {
  readonly median: number
  readonly lowest: number
  readonly highest: number
}

export function summarize(values: readonly number[]): Summary {
  return { median: median(values), lowest: Math.min(...values), highest: Math.max(...values) }
}

/**
 * How often one did what the other did, round by round: the rounds of one run see the same machine,
 * so their ratios say more than the ratio of two medians.
 */
export function ratios(ours: readonly number[], theirs: readonly number[]): Summary {
  if (ours.length !== theirs.length) throw new Error('ratios need the same rounds of both')
  return summarize(ours.map((value, round) => value / (theirs[round] as number)))
}

/** The same things in a random order (Fisher and Yates); `fraction` as `Math.random`. */
export function shuffled<Thing>(things: readonly Thing[], fraction: () => number): Thing[] {
  const order = [...things]
  for (let last = order.length - 1; last > 0; last -= 1) {
    const other = Math.floor(fraction() * (last + 1))
    const kept = order[last] as Thing
    order[last] = order[other] as Thing
    order[other] = kept
  }
  return order
}

/** To so many significant digits, for people and for JSON. */
export function rounded(value: number, digits = 3): number {
  return Number(value.toPrecision(digits))
}

/** The figures of a record, each rounded. */
export function roundedAll(figures: Readonly<Record<string, number>>): Record<string, number> {
  const entries = Object.entries(figures)
  return Object.fromEntries(entries.map(([name, value]) => [name, rounded(value, 4)]))
}

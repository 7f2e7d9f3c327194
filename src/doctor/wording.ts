/** Words and figures as findings say them. */

/** `3 s`, `12 min`, `5 h`, `2 d`. */
export function spanOf(ms: number): string {
  const units = [
    ['d', 86_400_000],
    ['h', 3_600_000],
    ['min', 60_000],
    ['s', 1_000],
  ] as const
  const [unit, size] = units.find(([, each]) => ms >= each) ?? ['ms', 1]
  return `${Math.floor(ms / size)} ${unit}`
}

/** `12 MiB`, `1.5 GiB` */
export function bytesOf(bytes: number): string {
  const gibibytes = bytes / 1024 ** 3
  if (gibibytes >= 1) return `${Math.floor(gibibytes * 10) / 10} GiB`
  return `${Math.floor(bytes / 1024 ** 2)} MiB`
}

/** Up to `most` of them, and how many more there are. */
export function listOf(items: readonly string[], most = 5): string {
  const shown = items.slice(0, most).join(', ')
  return items.length > most ? `${shown} and ${items.length - most} more` : shown
}

/** `one branch is`, `3 branches are` */
export function counted(number: number, one: string, many: string): string {
  return `${number} ${number === 1 ? one : many}`
}

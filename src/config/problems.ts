/** What is wrong with a configuration, in words: the key, what it must be, and what was meant. */
import { type Issue, keysAt } from './schema.ts'

/** One line each; values are not shown, because a secret may be among them. */
export function problemsOf(issues: readonly Issue[], given: unknown): string[] {
  return issues.flatMap((issue) => {
    if (issue.code !== 'unrecognized_keys') return [`${placeOf(issue.path)}${sayOf(issue, given)}`]
    const known = keysAt(issue.path, valueAt(given, issue.path))
    return issue.keys.map((key) => `${placeOf([...issue.path, key])}${unknownKey(key, known)}`)
  })
}

function sayOf(issue: Issue, given: unknown): string {
  // What is wrong with the name of a key stands beside the key, and its issues within.
  const said = issue.code === 'invalid_key' ? issue.issues[0]?.message : undefined
  const message = said ?? issue.message
  const isMissing = issue.path.length > 0 && valueAt(given, issue.path) === undefined
  return isMissing ? `is missing: it ${message}` : message
}

function placeOf(path: readonly PropertyKey[]): string {
  return path.length === 0 ? 'the configuration ' : `${path.map(String).join('.')} `
}

function valueAt(given: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, key) =>
      typeof value === 'object' && value !== null
        ? (value as Readonly<Record<PropertyKey, unknown>>)[key]
        : undefined,
    given,
  )
}

function unknownKey(key: string, known: readonly string[]): string {
  const near = nearest(key, known)
  return near === undefined ? 'is no key of it' : `is no key of it; did you mean ${near}?`
}

/** The known name that differs least, unless it differs by half or more. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  const ranked = known
    .map((each) => ({ each, steps: distance(name.toLowerCase(), each.toLowerCase()) }))
    .sort((one, other) => one.steps - other.steps)
  const [best] = ranked
  if (best === undefined) return undefined
  return best.steps < Math.max(name.length, best.each.length) / 2 ? best.each : undefined
}

/** How many letters have to be put in, left out or changed (Levenshtein, 1966). */
function distance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index)
  for (const [index, letter] of [...one].entries()) {
    const next = [index + 1]
    for (const [at, against] of [...other].entries()) {
      const changed = (row[at] ?? 0) + (letter === against ? 0 : 1)
      next.push(Math.min(changed, (row[at + 1] ?? 0) + 1, (next[at] ?? 0) + 1))
    }
    row = next
  }
  return row[other.length] ?? 0
}

/** What a run of the simulator tells its reader. */
import { expectedOccurrences } from '../src/simulation/coverage.ts'
import type { Failure } from './simulate-messages.ts'

const lastLines = 25
const relatedLinesMax = 60

/** A failing seed: the rule, the command that replays it, and the events that matter. */
export function describeFailure(
  { seed, profile, violations, trace }: Failure,
  replay: string,
): string {
  const [first, ...others] = violations
  const lines = [
    `seed ${seed} (${profile}) breaks ${first?.rule ?? 'nothing'}: ${first?.message ?? ''}`,
    ...others.slice(0, 3).map(({ rule, message }) => `  and ${rule}: ${message}`),
    '',
    ...excerpt(trace, first?.message ?? ''),
    '',
    `replay: ${replay}`,
  ]
  return lines.join('\n')
}

/** What the trace says of the transactions that a message names, and how it ends. */
function excerpt(trace: readonly string[], message: string): string[] {
  const ids = [...message.matchAll(/\b[a-z0-9-]+\.[0-9a-z]{13}\.[0-9a-z]+\.[0-9a-z]+/g)]
  const transactions = ids.map(([id]) => id.replace(/^assent\./, ''))
  const tail = trace.length - lastLines
  const related = trace.slice(0, Math.max(0, tail)).filter((line) => isAbout(line, transactions))
  const left = related.length - relatedLinesMax
  return [
    ...(left > 0 ? [`  (${left} earlier lines about it are left out)`] : []),
    ...related.slice(-relatedLinesMax).map((line) => `  ${line}`),
    ...(related.length > 0 ? ['  ...'] : []),
    ...trace.slice(-lastLines).map((line) => `  ${line}`),
  ]
}

function isAbout(line: string, ids: readonly string[]): boolean {
  return ids.some((id) => new RegExp(`${id.replaceAll('.', '\\.')}\\b`).test(line))
}

/** How often what occurred, in columns. */
export function describeCoverage(coverage: ReadonlyMap<string, number>): string {
  const entries = [...coverage].sort(([one], [other]) => (one < other ? -1 : 1))
  const cells = entries.map(([what, times]) => `${String(times).padStart(9)} ${what.padEnd(32)}`)
  const lines: string[] = []
  for (let index = 0; index < cells.length; index += 3) {
    lines.push(
      cells
        .slice(index, index + 3)
        .join('')
        .trimEnd(),
    )
  }
  return lines.join('\n')
}

/** What a run over all kinds of weather should have met, and did not. */
export function missingFrom(coverage: ReadonlyMap<string, number>): string[] {
  return expectedOccurrences.filter((what) => !coverage.has(what))
}

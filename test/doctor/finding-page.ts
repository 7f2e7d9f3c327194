/** The part of docs/operating/doctor.md that says what every finding means, from the catalogue. */
import { findingGroups } from '../../src/core/finding-catalogue.ts'

export const findingPage: URL = new URL('../../docs/operating/doctor.md', import.meta.url)
export const findingHead = '## The findings\n\n'

export function writeFindings(): string {
  const groups = findingGroups.map(({ title, entries }) => {
    const rows = Object.entries(entries).map(([id, { severity, meaning, effect, cure }]) =>
      [`### ${id}`, `**${severity}.** ${meaning}`, `- Effect: ${effect}\n- Cure: ${cure}`].join(
        '\n\n',
      ),
    )
    return [`**${title}**`, ...rows].join('\n\n')
  })
  return `${groups.join('\n\n')}\n`
}

/**
 * A reporter for Node's test runner that writes one line of JSON for each thing `scripts/test.ts`
 * has to know: which file started and ended, how many tests it ran, and what was skipped and why.
 */

import type { TestEvent } from 'node:test/reporters'

/** One line of the tally. `file` is absolute. */
export type TallyEntry =
  | { readonly kind: 'started' | 'ended'; readonly file: string }
  | { readonly kind: 'summary'; readonly file: string; readonly tests: number }
  | {
      readonly kind: 'skipped'
      readonly file: string
      readonly name: string
      readonly reason: string
    }

function entryOf(event: TestEvent): TallyEntry | undefined {
  switch (event.type) {
    case 'test:dequeue':
    case 'test:complete': {
      const { file, name } = event.data
      // The runner wraps each file in a test of its own, which carries the file's path as its name.
      if (file === undefined || event.data.nesting > 0 || !file.endsWith(name)) return undefined
      return { kind: event.type === 'test:dequeue' ? 'started' : 'ended', file }
    }
    case 'test:summary': {
      const { file, counts } = event.data
      if (file === undefined) return undefined
      return { kind: 'summary', file, tests: counts.tests }
    }
    case 'test:pass': {
      const { file, name, skip } = event.data
      if (file === undefined || skip === undefined || skip === false) return undefined
      return { kind: 'skipped', file, name, reason: typeof skip === 'string' ? skip : 'no reason' }
    }
    default:
      return undefined
  }
}

// biome-ignore lint/style/noDefaultExport: the runner loads a reporter by its default export
export default async function* tally(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const event of events) {
    const entry = entryOf(event)
    if (entry !== undefined) yield `${JSON.stringify(entry)}\n`
  }
}

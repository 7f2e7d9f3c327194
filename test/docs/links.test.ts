/** Every link between the documents leads somewhere: the file is there, and so is the heading. */
import assert from 'node:assert/strict'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { test } from 'node:test'

import { repository } from '../../scripts/command.ts'

const documents = globSync(['*.md', 'docs/**/*.md'], { cwd: repository })
const linkCountMin = 30

test('links between the documents lead somewhere', () => {
  const links = documents.flatMap((path) => linksOf(path, read(path) ?? ''))
  assert.ok(links.length >= linkCountMin, `only ${links.length} links were found`)
  assert.deepEqual(
    links.flatMap((link) => problemsOf(link, read)),
    [],
  )
})

test('a link to nowhere is seen, and one to a heading that is not there', () => {
  const pages = new Map([
    ['a.md', '[gone](b.md) [there](docs/c.md#a-heading) [nowhere](docs/c.md#no-such)'],
    ['docs/c.md', '# A `heading`'],
  ])
  const links = linksOf('a.md', pages.get('a.md') ?? '')
  assert.deepEqual(
    links.flatMap((link) => problemsOf(link, (path) => pages.get(path))),
    ['a.md: b.md is not there', 'a.md: docs/c.md#no-such has no such heading'],
  )
})

interface Link {
  readonly from: string
  readonly target: string
}

function linksOf(from: string, text: string): Link[] {
  const prose = text.replaceAll(/^```[\s\S]*?^```$/gm, '').replaceAll(/`[^`\n]*`/g, '')
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)]
    .map((match) => ({ from, target: match[1] ?? '' }))
    .filter(({ target }) => !/^[a-z]+:/.test(target))
}

function problemsOf(
  { from, target }: Link,
  readPage: (path: string) => string | undefined,
): string[] {
  const [file = '', heading] = target.split('#')
  const path = file === '' ? from : normalize(join(dirname(from), file))
  const page = readPage(path)
  if (page === undefined) return [`${from}: ${target} is not there`]
  if (heading === undefined || headingsOf(page).has(heading)) return []
  return [`${from}: ${target} has no such heading`]
}

/** As pages that show Markdown name their headings in links. */
function headingsOf(page: string): Set<string> {
  const headings = [...page.matchAll(/^#+ (.*)$/gm)].map((match) => match[1] ?? '')
  return new Set(
    headings.map((text) =>
      text
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  )
}

/** The text of a file; empty for a folder; undefined where there is nothing. */
function read(path: string): string | undefined {
  const full = join(repository, path)
  if (!existsSync(full)) return undefined
  return path.endsWith('.md') ? readFileSync(full, 'utf8') : ''
}

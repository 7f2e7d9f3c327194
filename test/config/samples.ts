/** The samples of docs/reference/configuration.md, as a user would have them in files. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'

const page = readFileSync(new URL('../../docs/reference/configuration.md', import.meta.url), 'utf8')

export const pageText: string = page

/** The block of that name, with the package's entries where the sources have them. */
export function sample(name: string): string {
  const start = page.indexOf(` ${name}\n`)
  assert.ok(start > 0, `the page has no block ${name}`)
  const from = page.indexOf('\n', start) + 1
  const text = page.slice(from, page.indexOf('\n```', from))
  const entry = (file: string): string => new URL(`../../src/${file}`, import.meta.url).href
  return text
    .replaceAll("'assent/config'", `'${entry('config.ts')}'`)
    .replaceAll("'assent'", `'${entry('index.ts')}'`)
}

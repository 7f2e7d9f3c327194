/**
 * The pages of docs/integrations show code that the tests run: each of their TypeScript blocks has
 * to stand, line by line, in a module of `pages/` that has the page's name.
 */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

import { repository } from '../../scripts/command.ts'

const docs = join(repository, 'docs/integrations')
const modules = join(repository, 'test/integrations/pages')

/** What a page says in its code that its modules do not; empty where it keeps its word. */
export function strayCode(page: string, sources: readonly string[]): string[] {
  const blocks = [...page.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, code = '']) => code)
  if (blocks.length === 0) return ['the page shows no code']
  const known = sources.map((source) => normal(source))
  return blocks
    .filter((block) => !known.some((source) => source.includes(normal(block))))
    .map((block) => `no module has these lines:\n${block}`)
}

/** Lines without their indentation, and imports as a user of the package writes them. */
function normal(code: string): string {
  const lines = code
    .replaceAll(/'(?:\.\.\/)+src\/index\.ts'/g, "'assent'")
    .replaceAll(/'(?:\.\.\/)+src\/(\w+)\.ts'/g, "'assent/$1'")
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
  return `\n${lines.join('\n')}\n`
}

export interface Page {
  readonly name: string
  readonly text: string
  /** The modules whose names are the page's, or begin with it. */
  readonly sources: readonly string[]
}

export async function readPages(): Promise<Page[]> {
  const [pageFiles, moduleFiles] = await Promise.all([readdir(docs), readdir(modules)])
  return await Promise.all(
    pageFiles
      .filter((file) => file.endsWith('.md'))
      .map(async (file) => {
        const name = file === 'README.md' ? 'errors' : file.slice(0, -'.md'.length)
        const own = moduleFiles.filter((each) => new RegExp(`^${name}(-\\w+)?\\.ts$`).test(each))
        const sources = await Promise.all(own.map((each) => readFile(join(modules, each), 'utf8')))
        return { name: file, text: await readFile(join(docs, file), 'utf8'), sources }
      }),
  )
}

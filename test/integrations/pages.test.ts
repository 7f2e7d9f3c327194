/** The code of the pages of docs/integrations is the code that the other tests here run. */
import assert from 'node:assert/strict'
import { test } from 'node:test'

import { readPages, strayCode } from './pages.ts'

const source = `import { postgres } from '../../../src/postgres.ts'
export async function place(): Promise<void> {
  await coordinator.transaction(['orders'], async ({ orders }) => {
    await orders.query('select 1')
  })
}
`

test('every block of every page stands in the module of its name', async () => {
  const pages = await readPages()
  const names = pages.map(({ name }) => name.slice(0, -'.md'.length)).sort()
  assert.deepEqual(
    names,
    ['README', 'drizzle', 'knex', 'kysely', 'prisma', 'sequelize', 'typeorm'],
    'a page is missing, or has no test',
  )
  for (const { name, text, sources } of pages) {
    assert.deepEqual(strayCode(text, sources), [], `docs/integrations/${name}`)
  }
})

test('takes a part of a module, dedented, with the package named as users name it', () => {
  const page = `Text.

\`\`\`ts
import { postgres } from 'assent/postgres'
\`\`\`

\`\`\`ts
await coordinator.transaction(['orders'], async ({ orders }) => {
  await orders.query('select 1')
})
\`\`\`

\`\`\`sh
npm install
\`\`\`
`
  assert.deepEqual(strayCode(page, [source]), [])
})

test('sees a line that differs, a line that is gone, and a page without code', () => {
  const block = (code: string): string => `\`\`\`ts\n${code}\`\`\`\n`
  const differs = block("await orders.query('select 2')\n")
  const gone = block("await coordinator.transaction(['orders'], async ({ orders }) => {\n})\n")
  const part = block("orders.query('select 1')\n")
  for (const page of [differs, gone, part]) {
    assert.match(strayCode(page, [source]).join(), /no module has these lines/)
  }
  assert.deepEqual(strayCode('No code.', [source]), ['the page shows no code'])
  assert.match(strayCode(block("await orders.query('select 1')\n"), []).join(), /no module has/)
})

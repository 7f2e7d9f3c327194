import assert from 'node:assert/strict'
import { globSync, readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'

import { errorCatalogue } from '../../src/core/error-catalogue.ts'
import { fieldsOf, referenceHead, referencePage, writeReference } from './error-reference.ts'

test('docs/reference/errors.md says of every code what the catalogue says', () => {
  const page = readFileSync(referencePage, 'utf8')
  const start = page.indexOf(referenceHead)
  assert.ok(start > 0, 'the page has lost its heading')
  const head = page.slice(0, start + referenceHead.length)
  if (process.env.UPDATE_ERRORS === '1') writeFileSync(referencePage, head + writeReference())
  else assert.equal(page, head + writeReference(), 'UPDATE_ERRORS=1 rewrites the page')
})

test('the fields that the page shows are those of the types', () => {
  assert.deepEqual(fieldsOf('ASSENT_TIMED_OUT'), ['`id`', '`timeoutMs`', '`phase`'])
  assert.deepEqual(fieldsOf('ASSENT_RESOURCE_REFUSED'), ['`resource`', '`problem`', '`cure`'])
  assert.deepEqual(fieldsOf('ASSENT_CANCELLED'), ['`id`'])
  assert.deepEqual(fieldsOf('ASSENT_COORDINATOR_CLOSED'), [])
  const withFields = Object.keys(errorCatalogue).filter((code) => fieldsOf(code).length > 0)
  assert.ok(withFields.length > 18, `only ${withFields.length} codes have fields`)
})

/** Codes of warnings that go to the process, not to a caller. */
const warnings: readonly string[] = ['ASSENT_CONTROL_SOCKET']

test('every code that the sources throw is in the catalogue, and every code is thrown', () => {
  const root = new URL('../../src/', import.meta.url)
  const used = new Set<string>()
  for (const file of globSync('**/*.ts', { cwd: root })) {
    if (file.endsWith('error-catalogue.ts') || file.endsWith('core/errors.ts')) continue
    const text = readFileSync(new URL(file, root), 'utf8')
    for (const [code] of text.matchAll(/(?<=')ASSENT_[A-Z_]+(?=')/g)) used.add(code)
  }
  const unknown = [...used].filter((code) => !(code in errorCatalogue) && !warnings.includes(code))
  const unused = Object.keys(errorCatalogue).filter((code) => !used.has(code))
  assert.deepEqual({ unknown, unused }, { unknown: [], unused: [] })
})

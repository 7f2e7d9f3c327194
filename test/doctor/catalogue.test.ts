/** The catalogue of findings, the page about it, and the tables that provoke every one of them. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { findingCatalogue } from '../../src/core/finding-catalogue.ts'
import { findingAt } from '../../src/core/findings.ts'
import { ofConfigurations } from './configuration-table.ts'
import { assertFound, type Provocation } from './examination.ts'
import { findingHead, findingPage, writeFindings } from './finding-page.ts'
import { ofLogs } from './log-table.ts'
import { ofMariadb } from './mariadb-table.ts'
import { ofResources, ofServers } from './postgres-table.ts'

const table: readonly Provocation[] = [
  ...[...ofConfigurations, ...ofLogs],
  ...[...ofServers, ...ofResources, ...ofMariadb],
]

test('docs/operating/doctor.md says of every finding what the catalogue says', () => {
  const page = readFileSync(findingPage, 'utf8')
  const start = page.indexOf(findingHead)
  assert.ok(start > 0, 'the page has lost its heading')
  const head = page.slice(0, start + findingHead.length)
  if (process.env.UPDATE_FINDINGS === '1') writeFileSync(findingPage, head + writeFindings())
  else assert.equal(page, head + writeFindings(), 'UPDATE_FINDINGS=1 rewrites the page')
})

test('every finding of the catalogue is provoked by a table, with the severity that it has', () => {
  const provoked = new Set(table.map(({ id }) => id))
  const missing = Object.keys(findingCatalogue).filter((id) => !provoked.has(id as never))
  assert.deepEqual(missing, [])
  for (const { id, severity } of table) assert.equal(findingCatalogue[id].severity, severity, id)
})

describe('a table is failed', () => {
  test('by a doctor that finds nothing', () => {
    for (const line of table) {
      assert.throws(() => assertFound([], line), /was not found; found: nothing$/, line.id)
    }
  })

  test('by a doctor that finds everything, everywhere, always the same', () => {
    const everything = Object.keys(findingCatalogue).map((id) =>
      findingAt('orders', { id: id as Provocation['id'], found: 'something is wrong' }),
    )
    for (const line of table) assert.throws(() => assertFound(everything, line), line.id)
  })
})

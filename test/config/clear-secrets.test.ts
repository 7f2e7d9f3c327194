/** Passwords in a configuration file are found, and shown to nobody. */
import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { findClearSecrets } from '../../src/config/clear-secrets.ts'
import { loadConfiguration } from '../../src/config/load.ts'
import type { Finding } from '../../src/core/findings.ts'
import { ofConfigurations } from '../doctor/configuration-table.ts'
import { assertFound } from '../doctor/examination.ts'

const folder = await mkdtemp(join(tmpdir(), 'assent-secrets-'))
after(() => rm(folder, { recursive: true }))
const shop = { name: 'shop', log: './transactions' }

async function findIn(name: string, text: string): Promise<Finding[]> {
  const file = join(folder, name)
  await writeFile(file, text)
  return await findClearSecrets(await loadConfiguration({ file }))
}

describe('the doctor finds in a configuration file', () => {
  for (const line of ofConfigurations) {
    test(`${line.id} (${line.severity}): ${line.by}`, async () => {
      const text = JSON.stringify({ ...shop, resources: line.resources })
      const findings = await findIn('assent.config.json', text)
      assertFound(findings, line)
      assert.doesNotMatch(JSON.stringify(findings), /geheim/)
    })
  }

  test('nothing in URLs without a password, and in variables', async () => {
    const resources = {
      orders: { kind: 'postgres', url: 'postgres://shop@db:5432/orders?application_name=a:b@c' },
      stock: { kind: 'mysql', url: { env: 'STOCK_URL' } },
    }
    assert.deepEqual(await findIn('well.json', JSON.stringify({ ...shop, resources })), [])
  })

  test('of a module only what is written in it, and not what it makes', async () => {
    const moduleWith = (url: string): string =>
      `export default { ...${JSON.stringify(shop)}, resources: { db: { kind: 'mysql', url: ${url} } } }`
    const made = 'const secret = Buffer.from("Z2VoZWlt", "base64")\n'
    const url = "'mysql://shop:' + secret + '@db/stock'"
    assert.deepEqual(await findIn('made.mjs', made + moduleWith(url)), [])
    const [found] = await findIn('written.mjs', moduleWith("'mysql://shop:geheim@db/stock'"))
    assert.equal(found?.id, 'secret-in-file')
  })
})

/** The schema, what is made from it, and what it must agree with. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import type { Configuration } from '../../src/config/configuration.ts'
import { jsonSchema, parseConfiguration } from '../../src/config/schema.ts'
import { defaultSettings, type Settings, settingsFrom } from '../../src/coordinator/settings.ts'
import { pageText } from './samples.ts'

const schemaFile = new URL('../../docs/reference/assent.config.schema.json', import.meta.url)
const least: Configuration = {
  name: 'shop',
  log: './transactions',
  resources: { orders: { kind: 'postgres', url: { env: 'ORDERS_URL' } } },
}

test('the JSON Schema that ships is made from the schema that checks', () => {
  const made = JSON.parse(JSON.stringify(jsonSchema()))
  if (process.env.UPDATE_SCHEMA === '1') {
    writeFileSync(schemaFile, `${JSON.stringify(made, null, 2)}\n`)
  }
  const shipped = JSON.parse(readFileSync(schemaFile, 'utf8'))
  assert.deepEqual(shipped, made, 'UPDATE_SCHEMA=1 rewrites the file; then run biome over it')
  assert.deepEqual(shipped.required, ['name', 'resources'])
  assert.deepEqual(shipped.oneOf, [{ required: ['log'] }, { required: ['decisions'] }])
  assert.equal(shipped.additionalProperties, false)
})

test('every key of the schema is in the reference', () => {
  const schema = JSON.parse(JSON.stringify(jsonSchema()))
  const [postgres] = schema.properties.resources.additionalProperties.oneOf
  const keys = [
    ...Object.keys(schema.properties),
    ...Object.keys(schema.properties.doctor.properties),
    ...Object.keys(postgres.properties),
  ]
  assert.ok(keys.length > 25, `only ${keys.length} keys were looked for`)
  assert.deepEqual(
    keys.filter((key) => !pageText.includes(`\`${key}\``)),
    [],
  )
})

test('takes of every setting what the coordinator takes, and no more', () => {
  const values = [Number.NaN, -1, 0, 0.5, 1, 1.5, 2_147_483_647, 2_147_483_648, '1', null]
  for (const name of Object.keys(defaultSettings) as (keyof Settings)[]) {
    for (const value of values) {
      const isTaken = 'configuration' in parseConfiguration({ ...least, [name]: value })
      assert.equal(isTaken, takes(name, value), `${name}: ${value}`)
    }
  }
})

function takes(name: keyof Settings, value: unknown): boolean {
  try {
    settingsFrom({ [name]: value })
    return true
  } catch {
    return false
  }
}

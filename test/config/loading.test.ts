/** What is loaded when: the library loads no schema, and a driver only where it is needed. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** The packages that are loaded with a module, in a process of its own. */
async function packagesOf(entry: string): Promise<string[]> {
  const file = new URL(`../../src/${entry}`, import.meta.url).href
  const code = `
    import { registerHooks } from 'node:module'
    const packages = new Set()
    registerHooks({
      load: (url, context, next) => {
        const name = /\\/node_modules\\/((?:@[^/]+\\/)?[^/]+)/.exec(url)?.[1]
        if (name !== undefined) packages.add(name)
        return next(url, context)
      },
    })
    await import(${JSON.stringify(file)})
    console.log(JSON.stringify([...packages].sort()))`
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', code])
  return JSON.parse(stdout)
}

test('the library loads no package', async () => {
  assert.deepEqual(await packagesOf('index.ts'), [])
  assert.deepEqual(await packagesOf('postgres.ts'), [])
})

test('the configuration loads zod, and no driver', async () => {
  assert.deepEqual(await packagesOf('config.ts'), ['zod'])
})

import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { Worker } from 'node:worker_threads'

import { codeOf } from '../../src/core/errors.ts'
import { lockFile } from '../../src/node/disk-lock.ts'
import { Child } from './child.ts'

const directory = mkdtempSync(join(tmpdir(), 'assent-lock-'))
after(() => rmSync(directory, { recursive: true, force: true }))

let paths = 0
function freshPath(): string {
  paths += 1
  return join(directory, `lock-${paths}`)
}

function holder(path: string): Child {
  return new Child(import.meta.url, './lock-holder.ts', path)
}

test('excludes a second holder in the same process, until it is released', async () => {
  const path = freshPath()
  const lock = await lockFile(path)
  assert.ok(lock !== undefined)
  assert.equal(await lockFile(path), undefined)
  assert.equal(await lockFile(path), undefined, 'a refused attempt does not weaken it')
  await lock.release()
  await lock.release()
  const again = await lockFile(path)
  assert.ok(again !== undefined)
  await again.release()
})

test('excludes another thread of the same process', async () => {
  const path = freshPath()
  const lock = await lockFile(path)
  assert.ok(lock !== undefined)
  const module = new URL('../../src/node/disk-lock.ts', import.meta.url).href
  const worker = new Worker(
    `const { parentPort } = require('node:worker_threads')
     import(${JSON.stringify(module)})
       .then(({ lockFile }) => lockFile(${JSON.stringify(path)}))
       .then((lock) => parentPort.postMessage(lock === undefined ? 'busy' : 'held'))`,
    { eval: true },
  )
  const said = await new Promise((resolve) => worker.once('message', resolve))
  await worker.terminate()
  assert.equal(said, 'busy')
  assert.equal(await lockFile(path), undefined, 'the thread took nothing with it')
  await lock.release()
})

test('excludes another process, also one that hangs, and dies with it', async () => {
  const path = freshPath()
  const child = holder(path)
  assert.equal(await child.line(), 'held')
  assert.equal(await lockFile(path), undefined)
  child.signal('SIGSTOP')
  assert.equal(await lockFile(path), undefined, 'a process that hangs still holds it')
  const second = holder(path)
  assert.equal(await second.line(), 'busy')
  await second.end()
  child.signal('SIGCONT')
  assert.equal(await lockFile(path), undefined)
  await child.kill()
  const lock = await lockFile(path)
  assert.ok(lock !== undefined, 'free as soon as the process is gone')
  await lock.release()
})

test('leaves one empty file, and nothing beside it when its holder is killed', async () => {
  const own = mkdtempSync(join(directory, 'own-'))
  const child = holder(join(own, 'lock'))
  assert.equal(await child.line(), 'held')
  assert.deepEqual(readdirSync(own), ['lock'])
  await child.kill()
  assert.deepEqual(readdirSync(own), ['lock'])
  assert.equal(child.errors, '', 'no warning is printed in the process of the user')
})

test('twenty processes at once: one has it', async () => {
  const path = freshPath()
  const children = Array.from({ length: 20 }, () => holder(path))
  const said = await Promise.all(children.map((child) => child.line()))
  assert.equal(said.filter((line) => line === 'held').length, 1)
  await Promise.all(children.map((child) => child.kill()))
})

test('a directory that is missing, and a file that is no lock, are told clearly', async () => {
  await assert.rejects(lockFile(join(directory, 'missing', 'lock')), { code: 'ENOENT' })
  const path = freshPath()
  writeFileSync(path, 'something else entirely '.repeat(40))
  await assert.rejects(lockFile(path), (error: unknown) => {
    assert.equal(codeOf(error), 'EACCES')
    assert.match(String(error), /is no lock/)
    return true
  })
})

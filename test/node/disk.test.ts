import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'

import { nodeDisk } from '../../src/node/disk.ts'

const directory = mkdtempSync(join(tmpdir(), 'assent-disk-'))
after(() => rmSync(directory, { recursive: true, force: true }))
const disk = nodeDisk()

test('a file is created, written in any order, read back, forced and renamed', async () => {
  const path = join(directory, 'one')
  const file = await disk.create(path)
  await file.write(4, Uint8Array.of(5, 6))
  await file.write(0, Uint8Array.of(1, 2))
  assert.deepEqual([...(await file.read(0, 100))], [1, 2, 0, 0, 5, 6])
  assert.equal(await file.size(), 6)
  await file.sync()
  await disk.rename(path, join(directory, 'two'))
  await disk.syncDirectory(directory)
  await file.writeThrough(6, Uint8Array.of(7))
  await file.writeThrough(0, Uint8Array.of(9))
  await file.close()
  assert.deepEqual([...readFileSync(join(directory, 'two'))], [9, 2, 0, 0, 5, 6, 7])
  assert.deepEqual(await disk.list(directory), ['two'])
  const again = await disk.open(join(directory, 'two'))
  assert.deepEqual([...(await again.read(1, 2))], [2, 0])
  assert.deepEqual([...(await again.read(5, 50))], [6, 7])
  await assert.rejects(again.write(0, Uint8Array.of(1)), { code: 'EBADF' })
  await again.close()
  await disk.remove(join(directory, 'two'))
  assert.deepEqual(await disk.list(directory), [])
})

test('errors keep the codes of the operating system', async () => {
  writeFileSync(join(directory, 'there'), '')
  await assert.rejects(disk.create(join(directory, 'there')), { code: 'EEXIST' })
  await assert.rejects(disk.open(join(directory, 'missing')), { code: 'ENOENT' })
  await assert.rejects(disk.list(join(directory, 'missing')), { code: 'ENOENT' })
  await assert.rejects(disk.remove(join(directory, 'missing')), { code: 'ENOENT' })
  await assert.rejects(disk.makeDirectory(join(directory, 'there', 'x')), { code: 'EEXIST' })
  rmSync(join(directory, 'there'))
})

test('directories are made with their parents, and may be there already', async () => {
  const deep = join(directory, 'a', 'b', 'c')
  await Promise.all([disk.makeDirectory(deep), disk.makeDirectory(deep)])
  await disk.makeDirectory(deep)
  assert.deepEqual(await disk.list(join(directory, 'a', 'b')), ['c'])
})

test('a relative path stays where it was when the process changes its directory', async () => {
  const base = process.cwd()
  const [one, other] = [join(directory, 'base'), join(directory, 'elsewhere')]
  mkdirSync(one)
  mkdirSync(other)
  try {
    process.chdir(one)
    const relative = nodeDisk()
    process.chdir(other)
    await (await relative.create('./file')).close()
    await relative.rename('file', './renamed')
    assert.deepEqual(await relative.list('.'), ['renamed'])
    assert.deepEqual(await disk.list(other), [])
  } finally {
    process.chdir(base)
  }
})

/** The control socket: whom it lets in, what it leaves behind, and that it holds nothing up. */
import assert from 'node:assert/strict'
import { lstat, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, describe, test } from 'node:test'

import { findSocket } from '../../src/node/control-socket-address.ts'
import { askControlSocket } from '../../src/node/control-socket-client.ts'
import { controlLimits } from '../../src/node/control-socket-protocol.ts'
import { Child } from '../node/child.ts'
import { assentHere, jsonOf } from './run-assent.ts'
import { openShop, type Shop } from './shop.ts'

describe('the control socket', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'assent-control-test-'))
  after(() => rm(folder, { recursive: true }))

  async function withShop(log: string, body: (shop: Shop, slot: string) => Promise<void>) {
    const shop = await openShop(log)
    try {
      await body(shop, join(log, 'slot-0'))
    } finally {
      await shop.coordinator.close({ timeoutMs: 1 })
    }
  }

  test('is in a directory that only its owner can enter', async () => {
    await withShop(join(folder, 'private'), async (_, slot) => {
      const path = await socketOf(slot)
      assert.equal(path, join(slot, 'control/socket'))
      assert.ok((await stat(path)).isSocket())
      assert.equal((await stat(dirname(path))).mode & 0o777, 0o700)
      assert.equal((await stat(path)).mode & 0o077, 0)
    })
  })

  test('goes when the coordinator closes', async () => {
    const log = join(folder, 'closed')
    await withShop(log, async () => undefined)
    assert.ok(!(await readdir(join(log, 'slot-0'))).includes('control'))
  })

  test('moves to a private temporary directory where the path is too long for it', async () => {
    const log = join(folder, 'l'.repeat(110))
    let path = ''
    await withShop(log, async (_, slot) => {
      path = await socketOf(slot)
      assert.ok(path.startsWith(join(tmpdir(), 'assent-control-')), path)
      assert.equal((await stat(dirname(path))).mode & 0o777, 0o700)
      const listed = jsonOf(await assentHere('list', '--log', log, '--json'))
      assert.equal(listed.slots[0].pid, process.pid)
    })
    await assert.rejects(lstat(dirname(path)), { code: 'ENOENT' })
  })

  test('of a killed process is taken for dead, and replaced by the next', async () => {
    const log = join(folder, 'killed')
    const child = new Child(import.meta.url, './shop-process.ts', log)
    assert.equal(await child.line(), 'ready', child.errors)
    await child.kill()
    const path = await socketOf(join(log, 'slot-0'))
    await assert.rejects(askControlSocket(path, { command: 'list' }), { name: 'NoAnswer' })
    assert.equal(jsonOf(await assentHere('list', '--log', log, '--json')).slots[0].pid, null)
    await withShop(log, async (_, slot) => {
      const reply = await askControlSocket(await socketOf(slot), { command: 'list' })
      assert.ok(reply.ok)
    })
  })

  test('keeps no process alive that forgot to close', async () => {
    const child = new Child(import.meta.url, './forgetful-process.ts', join(folder, 'forgetful'))
    assert.deepEqual(await child.rest(), ['open'], child.errors)
  })

  test('that can not be made leaves the coordinator as it is, and says so', async () => {
    const log = join(folder, 'refused')
    await withShop(log, async () => undefined)
    // What stands in the way can't be removed: the slot's owner may not write there any more.
    const child = new Child(import.meta.url, './forgetful-process.ts', log, '--without-directories')
    assert.deepEqual(await child.rest(), ['open'], child.errors)
    assert.match(child.errors, /\[ASSENT_CONTROL_SOCKET\].*no control socket for `assent`: /)
  })

  test('is not believed when somebody else has put it there', async () => {
    await withShop(join(folder, 'planted'), async (_, slot) => {
      const address = join(slot, 'control/address')
      const own = await readFile(address, 'utf8')
      await writeFile(address, join(folder, 'no-socket'))
      await writeFile(join(folder, 'no-socket'), '')
      assert.match(JSON.stringify(await findSocket(slot)), /is not its own/)
      await writeFile(address, own)
    })
  })

  test('answers what it can not read with an error, and does nothing', async () => {
    await withShop(join(folder, 'garbage'), async ({ coordinator }, slot) => {
      const path = await socketOf(slot)
      const refusals: readonly (readonly [string, RegExp])[] = [
        ['garbage\n', /not JSON/],
        ['[]\n', /version undefined/],
        ['{"version":2,"command":"list"}\n', /version 2, and this side speaks version 1/],
        ['{"version":1,"command":"stop"}\n', /there is no command "stop"/],
        ['{"version":1,"command":"show"}\n', /show needs the text id/],
        ['{"version":1,"command":"forget","id":"x","by":1,"reason":"x"}\n', /needs the text by/],
        ['x'.repeat(controlLimits.requestBytes + 2), /at most 65536 bytes/],
      ]
      for (const [request, says] of refusals) {
        const reply = JSON.parse(await exchange(path, request))
        assert.deepEqual([reply.version, reply.ok], [1, false])
        assert.equal(reply.code, 'ASSENT_INVALID_OPTION')
        assert.match(reply.message, says)
      }
      assert.deepEqual(coordinator.transactions(), [])
    })
  })

  test('does not wait at close for somebody who connects and says nothing', async () => {
    const log = join(folder, 'silent')
    const shop = await openShop(log)
    const socket = connect(await socketOf(join(log, 'slot-0')))
    await new Promise((resolve) => socket.once('connect', resolve))
    const cutOff = new Promise((resolve) => socket.once('close', resolve))
    await shop.coordinator.close({ timeoutMs: 1 })
    await cutOff
  })
})

async function socketOf(slot: string): Promise<string> {
  const found = await findSocket(slot)
  assert.ok('path' in found, JSON.stringify(found))
  return found.path
}

/** Sends a text as it is, and answers with all that comes back. */
function exchange(path: string, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(path, () => socket.write(text))
    let answer = ''
    socket.setEncoding('utf8')
    socket.on('data', (chunk) => {
      answer += chunk
    })
    socket.on('end', () => resolve(answer))
    socket.on('error', reject)
  })
}

/** The async context in callbacks of the drivers themselves, which libraries are built on. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'

import { openCoordinator, type Participant } from '../../src/index.ts'
import { mysql } from '../../src/mysql.ts'
import { postgres } from '../../src/postgres.ts'
import { mariadbSuite } from '../harness/mariadb.ts'
import { postgresSuite } from '../harness/postgres.ts'

/** A client that answers by a callback, as both drivers' do. */
interface AskableClient {
  query(text: string, callback: (error: Error | null) => void): unknown
}

/** One connection serves several transactions; it was opened in the context of the first. */
async function callbacksKeepTheirContext<Client extends AskableClient>(
  orders: Participant<Client>,
): Promise<void> {
  const log = mkdtempSync(join(tmpdir(), 'assent-callbacks-'))
  const coordinator = await openCoordinator({ name: 'shop', log, resources: { orders } })
  const asked = (): Promise<boolean> =>
    coordinator.transaction(['orders'], async ({ tx, orders }) => {
      const seen: unknown[] = []
      const ask = (): Promise<void> =>
        new Promise((resolve, reject) => {
          orders.query('select 1', (error) => {
            seen.push(coordinator.current?.id)
            if (error === null) resolve()
            else reject(error)
          })
        })
      await Promise.all([ask(), ask()])
      return seen.length === 2 && seen.every((id) => id === tx.id)
    })
  try {
    assert.deepEqual([await asked(), await asked()], [true, true])
    assert.deepEqual(await Promise.all([asked(), asked(), asked()]), [true, true, true])
  } finally {
    await coordinator.close()
    rmSync(log, { recursive: true, force: true })
  }
}

await postgresSuite('callbacks of node-postgres', (servers) => {
  test('run in the context of the transaction that asked', async () => {
    const { url } = await servers.shared()
    await callbacksKeepTheirContext(postgres(servers.pool(url, { max: 1 })))
  })
})

await mariadbSuite('callbacks of mysql2', (servers) => {
  test('run in the context of the transaction that asked', async () => {
    const { url } = await servers.shared()
    await callbacksKeepTheirContext(mysql(servers.callbackPool(url, { connectionLimit: 1 })))
  })
})

/** The code of docs/integrations/knex.md. */
import knex, { type Knex } from 'knex'
import type { PoolClient } from 'pg'
import type { ShopCoordinator } from '../shop.ts'

/** A Knex over the branch that `connect` answers. */
export function knexOver(connect: () => Promise<PoolClient>): Knex {
  const counts = { totalCount: 1, idleCount: 0, waitingCount: 0 }
  const pool = { connect, end: async () => undefined, ...counts }
  return knex({ client: 'pg', version: '17', connectionPool: pool })
}

export async function placeOrder(
  coordinator: ShopCoordinator<PoolClient>,
  id: number,
  name: string,
): Promise<void> {
  const ordersDb = knexOver(() => coordinator.join('orders'))
  const stockDb = knexOver(() => coordinator.join('stock'))

  await coordinator.transaction(['orders', 'stock'], async () => {
    await ordersDb('item').insert({ id, name })
    await stockDb('item').insert({ id, name })
  })
}

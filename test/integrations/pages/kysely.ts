/** The code of docs/integrations/kysely.md. */
import { Kysely, PostgresDialect } from 'kysely'
import type { PoolClient } from 'pg'
import Cursor from 'pg-cursor'
import type { ShopCoordinator } from '../shop.ts'

export interface Tables {
  item: { id: number; name: string }
}

/** A Kysely over the branch that `connect` answers. */
export function kyselyOver(connect: () => Promise<PoolClient>): Kysely<Tables> {
  const pool = { connect, end: async () => undefined, options: {} }
  return new Kysely<Tables>({ dialect: new PostgresDialect({ pool, cursor: Cursor }) })
}

export async function placeOrder(
  coordinator: ShopCoordinator<PoolClient>,
  id: number,
  name: string,
): Promise<void> {
  const ordersDb = kyselyOver(() => coordinator.join('orders'))
  const stockDb = kyselyOver(() => coordinator.join('stock'))

  await coordinator.transaction(['orders', 'stock'], async () => {
    await ordersDb.insertInto('item').values({ id, name }).execute()
    await stockDb.insertInto('item').values({ id, name }).execute()
  })
}

/** The code of docs/integrations/drizzle.md. */
import { eq } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import { integer, pgTable, text } from 'drizzle-orm/pg-core'
import type { PoolClient } from 'pg'
import type { ShopCoordinator } from '../shop.ts'

export const item = pgTable('item', { id: integer().primaryKey(), name: text().notNull() })

export async function placeOrder(
  coordinator: ShopCoordinator<PoolClient>,
  id: number,
  name: string,
): Promise<void> {
  await coordinator.transaction(['orders', 'stock'], async ({ orders, stock }) => {
    await drizzle(orders).insert(item).values({ id, name })
    await drizzle(stock).insert(item).values({ id, name })
  })
}

export async function rename(
  coordinator: ShopCoordinator<PoolClient>,
  id: number,
  name: string,
): Promise<void> {
  const db = drizzle(await coordinator.join('orders'))
  await db.transaction(async (tx) => {
    await tx.update(item).set({ name }).where(eq(item.id, id))
  })
}

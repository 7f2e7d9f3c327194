/** The code of docs/integrations/drizzle.md for MariaDB and MySQL. */
import { int, mysqlTable, varchar } from 'drizzle-orm/mysql-core'
import { drizzle } from 'drizzle-orm/mysql2'
import type { PoolConnection } from 'mysql2'
import type { ShopCoordinator } from '../shop.ts'

export const item = mysqlTable('item', {
  id: int().primaryKey(),
  name: varchar({ length: 100 }).notNull(),
})

export async function placeOrder(
  coordinator: ShopCoordinator<PoolConnection>,
  id: number,
  name: string,
): Promise<void> {
  await coordinator.transaction(['orders', 'stock'], async ({ orders, stock }) => {
    await drizzle(orders).insert(item).values({ id, name })
    await drizzle(stock).insert(item).values({ id, name })
  })
}

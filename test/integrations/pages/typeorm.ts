/** The code of docs/integrations/typeorm.md, whichever the database. */
import { type DataSource, type EntityManager, EntitySchema } from 'typeorm'
import type { ShopCoordinator } from '../shop.ts'

export const Item = new EntitySchema<{ id: number; name: string }>({
  name: 'item',
  columns: { id: { type: Number, primary: true }, name: { type: String } },
})

/** An entity manager of the branch whose client this is. */
export function managerOf(dataSource: DataSource, client: object): EntityManager {
  const runner = dataSource.createQueryRunner()
  return Object.assign(runner, { databaseConnection: client }).manager
}

export async function placeOrder<Client extends object>(
  coordinator: ShopCoordinator<Client>,
  dataSource: DataSource,
  id: number,
  name: string,
): Promise<void> {
  await coordinator.transaction(['orders', 'stock'], async ({ orders, stock }) => {
    await managerOf(dataSource, orders).save(Item, { id, name })
    await managerOf(dataSource, stock).save(Item, { id, name })
  })
}

/** The code of docs/integrations/prisma.md. */
import { PrismaPg } from '@prisma/adapter-pg'
import { Pool, type PoolClient } from 'pg'
import type { PrismaClient, PrismaClientClass } from '../prisma-client.ts'
import type { ShopCoordinator } from '../shop.ts'

/** A Prisma client of the branch whose client this is. */
export function prismaOf(PrismaClient: PrismaClientClass, client: PoolClient): PrismaClient {
  const pool = Object.assign(new Pool(), { connect: async () => client, query: client.query })
  return new PrismaClient({ adapter: new PrismaPg(pool) })
}

export async function placeOrder(
  coordinator: ShopCoordinator<PoolClient>,
  PrismaClient: PrismaClientClass,
  id: number,
  name: string,
): Promise<void> {
  await coordinator.transaction(['orders', 'stock'], async ({ orders, stock }) => {
    await prismaOf(PrismaClient, orders).item.create({ data: { id, name } })
    await prismaOf(PrismaClient, stock).item.create({ data: { id, name } })
  })
}

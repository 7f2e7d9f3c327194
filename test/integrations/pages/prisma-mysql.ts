/** The code of docs/integrations/prisma.md for MariaDB and MySQL. */
import { PrismaMariaDb } from '@prisma/adapter-mariadb'
import type { PoolConnection } from 'mysql2'
import { mariadbPool } from '../../../src/prisma.ts'
import type { PrismaClient, PrismaClientClass } from '../prisma-client.ts'

/** A Prisma client of the branch whose client this is. */
export function prismaOf(PrismaClient: PrismaClientClass, client: PoolConnection): PrismaClient {
  return new PrismaClient({ adapter: new PrismaMariaDb(mariadbPool(client)) })
}

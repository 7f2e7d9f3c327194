/** The types of `assent/prisma`. The compiler is the test: nothing here runs. */
import { PrismaMariaDb } from '@prisma/adapter-mariadb'
import { expectTypeOf } from 'expect-type'
import type { Pool } from 'mariadb'
import type mysql from 'mysql2'
import type promised from 'mysql2/promise'
import type { PoolClient } from 'pg'

import { type Mysql2Connection, mariadbPool } from '../../src/prisma.ts'

declare const withCallbacks: mysql.PoolConnection
declare const withPromises: promised.PoolConnection

// What comes of it is what it is passed to.
expectTypeOf(new PrismaMariaDb(mariadbPool(withCallbacks))).toEqualTypeOf<PrismaMariaDb>()
expectTypeOf(new PrismaMariaDb(mariadbPool(withPromises))).toEqualTypeOf<PrismaMariaDb>()
expectTypeOf(mariadbPool<Pool>(withCallbacks)).toEqualTypeOf<Pool>()

expectTypeOf<mysql.Connection>().toExtend<Mysql2Connection>()
expectTypeOf<promised.Connection>().toExtend<Mysql2Connection>()

declare const ofPostgres: PoolClient
// @ts-expect-error: at PostgreSQL Prisma needs no help
mariadbPool(ofPostgres)

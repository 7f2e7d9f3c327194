/** A PostgreSQL participant under test, without an engine. */
import type { Pool, PoolClient } from 'pg'

import { type PgPool, type PostgresOptions, postgres } from '../../src/postgres.ts'
import { type TestedBranchOf, TestedParticipantOf } from './tested-participant.ts'

export type TestedBranch = TestedBranchOf<PoolClient>

export class TestedParticipant extends TestedParticipantOf<PoolClient> {
  /** A participant over the pool, checked and found ready. */
  static async open(
    pool: PgPool<PoolClient>,
    options: PostgresOptions = {},
  ): Promise<TestedParticipant> {
    const tested = TestedParticipant.attach(pool, options)
    await tested.ready()
    return tested
  }

  /** One that was not checked yet. */
  static attach(pool: PgPool<PoolClient>, options: PostgresOptions = {}): TestedParticipant {
    return new TestedParticipant(postgres(pool, options))
  }
}

export { nextIds } from './branch-ids.ts'
export { causeOf, done } from './tested-participant.ts'

/** As a driver does that does not tell a transaction's status: it can't send several in one. */
export function withoutPipeline(pool: Pool): PgPool<PoolClient> {
  const connect = async (): Promise<PoolClient> => {
    const client = await pool.connect()
    return new Proxy(client, {
      get: (target, key) => {
        if (key === 'getTransactionStatus') return undefined
        const value: unknown = Reflect.get(target, key, target)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
  }
  return Object.assign(Object.create(pool) as Pool, { connect }) as PgPool<PoolClient>
}

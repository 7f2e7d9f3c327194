/** A worker's store in PostgreSQL. */
import pg from 'pg'

import { postgres } from '../../../../src/postgres.ts'
import type { StatementForms, WorkerStore, WorkerStoreOptions } from './store.ts'

const forms: StatementForms = [
  { statement: 'prepare', form: /prepare transaction 'assent\.([^']+)\.[0-9a-z]+'/i },
  { statement: 'commit prepared', form: /commit prepared 'assent\.([^']+)\.[0-9a-z]+'/i },
  { statement: 'rollback prepared', form: /rollback prepared 'assent\.([^']+)\.[0-9a-z]+'/i },
  { statement: 'commit', form: /; commit\0/i },
]

export function postgresWorkerStore(options: WorkerStoreOptions): WorkerStore {
  const { url, session, connectionsMax, answerTimeoutMs, lastResource, socketFor } = options
  const pool = new pg.Pool({
    connectionString: url,
    max: connectionsMax,
    application_name: session,
    stream: () => socketFor(forms),
  })
  return {
    participant: postgres(pool, { answerTimeoutMs, lastResource }),
    statements: {
      move: 'update account set balance = balance + $1 where id = $2',
      book: 'insert into journal (id, delta) values ($1, $2)',
      look: 'select balance from account where id = 1',
    },
    refuse: async (client) => {
      // The constraint is deferred: it fails when the branch is asked to prepare.
      await client.query('insert into taken (number) values (1)')
    },
  }
}

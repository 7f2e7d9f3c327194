/** A worker's store in PostgreSQL. */
import pg from 'pg'

import { postgres } from '../../../../src/postgres.ts'
import type { StatementForms, WorkerStore, WorkerStoreOptions } from './store.ts'

const forms: StatementForms = [
  { statement: 'prepare', form: /prepare transaction 'assent\.([^']+)\.[0-9a-z]+'/i },
  { statement: 'commit prepared', form: /commit prepared 'assent\.([^']+)\.[0-9a-z]+'/i },
  { statement: 'rollback prepared', form: /rollback prepared 'assent\.([^']+)\.[0-9a-z]+'/i },
  // Behind the length of a message of its own, or behind other statements in it.
  { statement: 'commit', form: /(?:; |\v)commit\0/i },
  // The one message of a batch, from its BEGIN on, unless it takes a decision along.
  { statement: 'commit', form: /assent_begin_(?!.*assent_decide_).*assent_commit\0/s },
  {
    statement: 'commit with the decision',
    // The values of its insert, each behind its length: the log, the epoch, the key, the decision.
    form: /assent_decide_.*?\0\r([0-9a-z]{13}).{4}\d+.{4}([0-9a-z]+\.[0-9a-z]+)\0\0\0\tcommitted/s,
    idOf: ([, log, key]) => `crash.${log}.${key}`,
  },
]

export function postgresWorkerStore(options: WorkerStoreOptions): WorkerStore {
  const { url, session, connectionsMax, answerTimeoutMs, lastResource, socketFor } = options
  const { decisionSchema = 'assent' } = options
  const pool = new pg.Pool({
    connectionString: url,
    max: connectionsMax,
    application_name: session,
    stream: () => socketFor(forms),
  })
  return {
    participant: postgres(pool, { answerTimeoutMs, lastResource, decisionSchema }),
    statements: {
      move: 'update account set balance = balance + $1 where id = $2',
      book: 'insert into journal (id, delta) values ($1, $2)',
      moveAndBook: `with moved as (update account set balance = balance + $1::int where id = $2)
        insert into journal (id, delta) values ($3, $4)`,
      shiftAndBook: `with moved as (
          update account set balance = balance + case id when $3 then -$2::int else $2::int end
          where id in ($3::int, $4::int))
        insert into journal (id, delta) values ($1, 0)`,
      look: 'select balance, $1::text as reader from account where id = 1',
      // The constraint is deferred: it fails when the branch is asked to prepare.
      refused: 'insert into taken (number) values (1)',
    },
  }
}

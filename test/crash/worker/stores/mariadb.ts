/** A worker's store in MariaDB. */
import { createPool } from 'mysql2/promise'

import { mysql } from '../../../../src/mysql.ts'
import type { StatementForms, WorkerStore, WorkerStoreOptions } from './store.ts'

const xid = /'assent\.([^']+)','[^']+',\d+/.source

const forms: StatementForms = [
  { statement: 'prepare', form: new RegExp(`xa prepare ${xid}`) },
  { statement: 'commit', form: new RegExp(`xa commit ${xid} one phase`) },
  { statement: 'commit prepared', form: new RegExp(`xa commit ${xid}(?![\\d ])`) },
  { statement: 'rollback prepared', form: new RegExp(`xa rollback ${xid}`) },
  // A last resource is no XA transaction; its commit goes with the savepoint that proves it is there.
  { statement: 'commit', form: /release savepoint \w+; commit; end$/ },
]

export function mariadbWorkerStore(options: WorkerStoreOptions): WorkerStore {
  const { url, session, connectionsMax, answerTimeoutMs, lastResource, socketFor } = options
  const { hostname, port } = new URL(url)
  const account = new URL(url)
  account.username = session
  const pool = createPool({
    uri: account.href,
    connectionLimit: connectionsMax,
    stream: () => socketFor(forms).connect(Number(port), hostname),
  })
  return {
    participant: mysql(pool, { answerTimeoutMs, lastResource }),
    statements: {
      move: 'update account set balance = balance + ? where id = ?',
      book: 'insert into journal (id, delta) values (?, ?)',
      look: 'select balance, ? as reader from account where id = 1',
      // Nothing is deferred here. The server would prepare what came before the statement that
      // failed; it is the participant that votes no [MY-4].
      refused: 'insert into taken (number) values (1)',
    },
  }
}

/** The participants' conformance suite on PostgreSQL. */
import { before } from 'node:test'

import { postgresSuite } from '../../harness/postgres.ts'
import type { Subject } from './subject.ts'
import { postgresCapabilities, postgresSubject } from './subjects/postgres.ts'
import { conformanceTests } from './suite.ts'

await postgresSuite('a PostgreSQL participant conforms:', (servers) => {
  let subject: Subject
  before(async () => {
    subject = await postgresSubject(servers)
  })
  conformanceTests(() => subject, { can: postgresCapabilities })
})

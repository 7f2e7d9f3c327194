/** The participants' conformance suite on MariaDB, over both flavours of the driver. */
import { before, describe } from 'node:test'

import { mariadbSuite } from '../../harness/mariadb.ts'
import type { Subject } from './subject.ts'
import { mariadbCapabilities, mariadbSubject } from './subjects/mariadb.ts'
import { conformanceTests } from './suite.ts'

await mariadbSuite('a MariaDB participant conforms', (servers) => {
  for (const flavour of ['promises', 'callbacks'] as const) {
    describe(`over a pool of ${flavour}:`, () => {
      let subject: Subject
      before(async () => {
        subject = await mariadbSubject(servers, flavour)
      })
      conformanceTests(() => subject, {
        can: mariadbCapabilities,
        withheld: servers.notOurs === false ? {} : { server: servers.notOurs },
      })
    })
  }
})

/** The participants' conformance suite on participants of the user's own. */
import { describe } from 'node:test'

import {
  customCapabilities,
  customSubject,
  lastResourceCapabilities,
  lastResourceSubject,
} from './subjects/custom.ts'
import { conformanceTests } from './suite.ts'

describe('a custom participant conforms:', () => {
  const subject = customSubject()
  conformanceTests(() => subject, { can: customCapabilities })
})

describe('a custom last resource conforms:', () => {
  const subject = lastResourceSubject()
  conformanceTests(() => subject, { can: lastResourceCapabilities })
})

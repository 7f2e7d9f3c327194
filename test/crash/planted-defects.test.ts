/** Defects that are planted in a worker: the audit that passes everything else has to find them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'

import { crashSuite } from './crash-suite.ts'
import type { Form } from './worker/settings.ts'

const forms: readonly Form[] = ['callback', 'execute']

await crashSuite('the audit', (suite) => {
  for (const form of forms) {
    test(`finds a transfer torn by two plain commits (${form})`, async () => {
      const place = await suite.place()
      const worker = place.spawn({
        forms: [form],
        plant: 'plain commits',
        crash: {
          trigger: { on: 'work', step: 'between the databases' },
          signal: 'SIGKILL',
          armed: 'at open',
        },
      })
      await worker.untilReady()
      worker.tell({ ask: 'transfer', kind: 'transfer' })
      await worker.untilDead()
      const next = await place.spawn().untilReady()
      await place.untilRecovered(next)
      await assert.rejects(place.audit(next, ['transfer']), /it happened everywhere or nowhere/)
      await assert.rejects(place.bank.checkMoney(), /no money was made or lost/)
      await place.bank.beginAnew()
    })

    test(`finds a caller that was told of a commit that never was (${form})`, async () => {
      const place = await suite.place()
      const worker = await place.spawn({ forms: [form], plant: 'told committed' }).untilReady()
      await worker.ask({ ask: 'transfer', kind: 'refused' })
      await place.untilRecovered(worker)
      await assert.rejects(place.audit(worker), /told committed/)
    })
  }
})

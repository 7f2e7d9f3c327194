/**
 * The conformance suite refuses participants that break what it checks: a custom one where such a one
 * can show the fault, and PostgreSQL's for all else.
 */
import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'

import { postgresSuite } from '../../harness/postgres.ts'
import type { Behaviour } from './behaviour.ts'
import { behaviours } from './behaviours/all.ts'
import { mutants } from './mutants/all.ts'
import type { Mutant } from './mutants/planting.ts'
import { Stage } from './stage.ts'
import type { Capability, Subject } from './subject.ts'
import { customCapabilities, customSubject } from './subjects/custom.ts'
import { postgresCapabilities, postgresSubject } from './subjects/postgres.ts'

/** Where a fault shows by waiting in vain; a server that hangs is given longer than it needs. */
const patienceMs = 300
const patienceWithServersMs = 10_000

const planted = mutants.flatMap((mutant) =>
  mutant.refusedBy.flatMap((part) => {
    const named = behaviours.filter(({ name }) => name.includes(part))
    assert.ok(named.length > 0, `no behaviour is named like '${part}'`)
    return named.map((behaviour) => ({ mutant, behaviour }))
  }),
)

const canShow = (
  can: ReadonlySet<Capability>,
  { needs = [] }: { needs?: readonly Capability[] },
): boolean => needs.every((need) => can.has(need))

const onCustom = planted.filter(
  ({ mutant, behaviour }) =>
    canShow(customCapabilities, behaviour) && canShow(customCapabilities, mutant),
)
const onPostgres = planted.filter((each) => !onCustom.includes(each))

describe('the conformance suite', () => {
  test('has a mutant for every behaviour', () => {
    const refusing = new Set(planted.map(({ behaviour }) => behaviour.name))
    const idle = behaviours.filter(({ name }) => !refusing.has(name))
    assert.deepEqual(idle, [])
  })

  test('can show every behaviour on a database', () => {
    for (const behaviour of behaviours) assert.ok(canShow(postgresCapabilities, behaviour))
  })
})

describe('a custom participant that', () => {
  const subject = customSubject()
  for (const each of onCustom) testMutant(each, () => subject)
})

await postgresSuite('a PostgreSQL participant that', (servers) => {
  let subject: Subject
  before(async () => {
    subject = await postgresSubject(servers)
  })
  for (const each of onPostgres) testMutant(each, () => subject)
})

function testMutant(
  { mutant, behaviour }: { mutant: Mutant; behaviour: Behaviour },
  subject: () => Subject,
): void {
  test(`${mutant.name} is refused: ${behaviour.name}`, async () => {
    const isSlow = behaviour.needs.includes('server')
    const stage = new Stage(subject(), {
      patienceMs: isSlow ? patienceWithServersMs : patienceMs,
      plant: mutant.plant,
    })
    try {
      await assert.rejects(behaviour.tryOn(stage))
    } finally {
      await stage.close()
    }
  })
}

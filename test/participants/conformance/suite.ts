/** Defines the tests of one subject: every behaviour that it can show. */
import { test } from 'node:test'

import { behaviours } from './behaviours/all.ts'
import { Stage } from './stage.ts'
import type { Capability, Subject } from './subject.ts'

export interface SuiteOptions {
  readonly can: ReadonlySet<Capability>
  /** What it can do and the tests can't try here, with the reason: such tests are skipped. */
  readonly withheld?: Partial<Record<Capability, string>>
}

export function conformanceTests(
  subject: () => Subject,
  { can, withheld = {} }: SuiteOptions,
): void {
  for (const { name, needs, tryOn } of behaviours) {
    if (!needs.every((need) => can.has(need))) continue
    const reason = needs.map((need) => withheld[need]).find((each) => each !== undefined)
    test(name, { skip: reason ?? false }, async () => {
      const stage = new Stage(subject())
      try {
        await tryOn(stage)
      } finally {
        await stage.close()
      }
    })
  }
}

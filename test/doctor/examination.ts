/** Examines resources as the doctor does, and holds what it found against a table. */
import assert from 'node:assert/strict'
import { defaultSettings } from '../../src/coordinator/settings.ts'
import type { FindingId, Severity } from '../../src/core/finding-catalogue.ts'
import type { Finding } from '../../src/core/findings.ts'
import type { LogIdentity } from '../../src/core/ids.ts'
import type { Clock } from '../../src/core/ports.ts'
import { type DoctorReport, examine } from '../../src/doctor/doctor.ts'
import { type DoctorOptions, limitsFrom } from '../../src/doctor/options.ts'
import type { LogSurvey } from '../../src/doctor/survey.ts'
import type { Participant } from '../../src/participants/contract.ts'
import { realPorts } from '../harness/ports.ts'

/** The log of the installation that is examined. */
export const ownLog: string = '0123456789abc'

export interface Setting extends DoctorOptions {
  readonly acceptChanged?: readonly string[]
  /** Instead of the machine's own. */
  readonly clock?: Clock
  readonly survey?: LogSurvey
  readonly slots?: number
}

/** Examines participants that nobody else uses, and closes them. */
export async function examineAll(
  participants: Readonly<Record<string, Participant>>,
  setting: Setting = {},
): Promise<DoctorReport> {
  const { clock = realPorts().clock, survey, acceptChanged, slots = 64, ...options } = setting
  const resources = new Map(Object.entries(participants))
  for (const [name, each] of resources) each.attach({ ...realPorts(name), clock })
  try {
    return await examine(
      {
        resources,
        log: { installation: 'shop', slots, retentionBytes: 0 },
        logs: [ownLog as LogIdentity],
        acceptChanged: new Set(acceptChanged),
        survey: survey && (async () => survey),
      },
      limitsFrom(options, defaultSettings),
      { clock, timers: realPorts().timers },
    )
  } finally {
    for (const each of resources.values()) await each.close()
  }
}

/** One line of the table: how a finding is provoked, and how grave it is. */
export interface Provocation {
  readonly id: FindingId
  readonly severity: Severity
  /** What is done to the server, the log or the machine. */
  readonly by: string
  /** Where it is found; undefined for the log. */
  readonly at: string | undefined
  readonly says: RegExp
  /** What the command that cures it looks like; undefined where there is none. */
  readonly command?: RegExp
  /** What the command that only looks is like; undefined where there is none. */
  readonly look?: RegExp
  /** Other findings that the same provocation can't but cause. */
  readonly besides?: readonly FindingId[]
}

/** Throws unless the provoked finding is there, as the table has it, and no other. */
export function assertFound(findings: readonly Finding[], expected: Provocation): void {
  const { id, severity, at, says, command, look, besides = [] } = expected
  const found = findings.find((each) => each.id === id && each.resource === at)
  const all = findings.map((each) => `${each.resource ?? 'log'}: ${each.id}: ${each.found}`)
  assert.ok(found !== undefined, `${id} was not found; found: ${all.join('; ') || 'nothing'}`)
  assert.equal(found.severity, severity)
  assert.match(found.found, says)
  if (command === undefined) assert.equal(found.command, undefined)
  else assert.match(found.command ?? '', command)
  if (look === undefined) assert.equal(found.look, undefined)
  else assert.match(found.look ?? '', look)
  const others = findings.filter((each) => each.id !== id && !besides.includes(each.id))
  assert.deepEqual(others, [])
}

/** What a run keeps account of: who holds which log, and what is durable of each. */
import type { LogIdentity } from '../../core/ids.ts'
import type { Coverage } from '../coverage.ts'
import type { SimulatedDisk } from '../disk.ts'
import type { Plan } from '../profile.ts'
import type { Scheduler } from '../scheduler.ts'
import { installation } from '../surroundings.ts'
import type { Violations } from '../violations.ts'
import { DurableRecords } from './durable-records.ts'
import type { Facts } from './facts.ts'
import { Owners } from './owners.ts'
import { TableWatch } from './table-watch.ts'

interface Run {
  readonly plan: Plan
  readonly facts: Facts
  readonly coverage: Coverage
  readonly scheduler: Scheduler
  readonly violations: Violations
}

export interface Records {
  readonly owners: Owners
  readonly durable: DurableRecords
  readonly tableWatch: TableWatch
}

/** `preparedOf` finds the prepared branches of a log. */
export function makeRecords(
  { plan, facts, coverage, scheduler, violations }: Run,
  disk: SimulatedDisk,
  preparedOf: (log: LogIdentity) => readonly string[],
): Records {
  const { broken } = violations
  const owners = new Owners(broken, { canLoseLocks: plan.decisions !== undefined })
  const durable = new DurableRecords(disk, broken)
  const tableWatch = new TableWatch({
    installation,
    facts,
    durable,
    owners,
    broken,
    count: coverage.count,
    nowMs: () => scheduler.nowMs,
    preparedOf,
  })
  return { owners, durable, tableWatch }
}

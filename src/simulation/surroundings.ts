/** What all parts of one run share. */
import type { InstallationName, LogIdentity } from '../core/ids.ts'
import type { DurableRecords } from './checkers/durable-records.ts'
import type { Facts } from './checkers/facts.ts'
import type { Owners } from './checkers/owners.ts'
import type { TableWatch } from './checkers/table-watch.ts'
import type { Coverage } from './coverage.ts'
import type { Database } from './database/database.ts'
import type { SimulatedDisk } from './disk.ts'
import type { Host } from './host.ts'
import type { Network } from './network/network.ts'
import type { Plan } from './profile.ts'
import type { SeededRandom } from './random.ts'
import type { Scheduler } from './scheduler.ts'
import type { Service } from './service/service.ts'
import type { Trace } from './trace.ts'
import type { Broken } from './violations.ts'

/** What every installation name of a run is. */
export const installation: InstallationName = 'sim' as InstallationName

/** Where the decision logs are on the simulated disk. */
export const logDirectory = 'transactions'

export interface Surroundings {
  readonly host: Host
  readonly plan: Plan
  readonly scheduler: Scheduler
  readonly trace: Trace
  readonly network: Network
  readonly disk: SimulatedDisk
  readonly facts: Facts
  readonly owners: Owners
  readonly durable: DurableRecords
  readonly tableWatch: TableWatch
  readonly coverage: Coverage
  readonly broken: Broken
  readonly databases: readonly Database[]
  /** Those that reserve. */
  readonly services: readonly Service[]
  /** Those that can only commit. */
  readonly lastResources: readonly { readonly service: Service; readonly hasEvidence: boolean }[]
  /** Branches of strangers that an operator has ended through a coordinator. */
  readonly allowedStrangers: Set<string>
  /** A log was opened, perhaps for the first time. */
  readonly onLogOpened: (identity: LogIdentity) => void
  readonly random: SeededRandom
}

/** Opens a coordinator from a configuration: what the doctor examines is what this opens. */
import type { CloseReport } from '../coordinator/closing.ts'
import type { Coordinator } from '../coordinator/coordinator.ts'
import type { NameOf, ResourceMap } from '../coordinator/options.ts'
import { openCoordinator } from '../node/open-coordinator.ts'
import { type FindOptions, type LoadedConfiguration, loadConfiguration } from './load.ts'
import { given, openResources } from './resources.ts'
import type { Environment } from './secret.ts'

const closeTimeoutMs = 10_000
const endPoolsMs = 5_000

export interface OpenConfiguredOptions extends FindOptions {
  /** Where environment variables are read; by default the process's own. */
  readonly environment?: Environment
}

export interface OpenedConfiguration<Resources extends ResourceMap> {
  readonly coordinator: Coordinator<Resources>
  /** The pools, by the names of their resources, for work outside transactions. */
  readonly pools: Readonly<Record<NameOf<Resources>, unknown>>
  readonly loaded: LoadedConfiguration
  /** Closes the coordinator, then ends the pools. */
  close(options?: { readonly timeoutMs?: number }): Promise<CloseReport>
}

/**
 * Opens what `assent.config.{ts,js,mjs,json}` of the working directory describes, or the file that
 * is named. The type argument says what the compiler can't know: the clients of the resources.
 *
 * Throws as `openCoordinator` does, and `ASSENT_INVALID_OPTION` for a configuration that is wrong, an
 * environment variable that is not set, and a driver that is not installed.
 *
 * @example
 * import type { Participant } from 'assent'
 * import type pg from 'pg'
 *
 * const { coordinator, close } = await openConfigured<{ orders: Participant<pg.PoolClient> }>()
 */
export async function openConfigured<Resources extends ResourceMap = ResourceMap>(
  options: OpenConfiguredOptions = {},
): Promise<OpenedConfiguration<Resources>> {
  const { environment = process.env, ...find } = options
  const loaded = await loadConfiguration(find)
  const { $schema: _, resources: __, log: ___, doctor, decisions, ...rest } = loaded.configuration
  const { participants, pools, end } = await openResources(loaded, environment)
  try {
    const coordinator = await openCoordinator({
      ...(given(rest) as typeof rest & { acceptChanged: string[] }),
      ...(decisions === undefined ? {} : { decisions: given(decisions) }),
      doctor: given(doctor ?? {}),
      ...(loaded.log === undefined ? {} : { log: loaded.log }),
      resources: Object.fromEntries(participants) as unknown as Resources,
    } as never)
    return {
      coordinator: coordinator as unknown as Coordinator<Resources>,
      pools: Object.fromEntries(pools) as OpenedConfiguration<Resources>['pools'],
      loaded,
      close: async ({ timeoutMs = closeTimeoutMs } = {}) => {
        const report = await coordinator.close({ timeoutMs })
        await end(endPoolsMs)
        return report
      },
    }
  } catch (failure) {
    await end(endPoolsMs)
    throw failure
  }
}

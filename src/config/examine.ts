/** The doctor over a configuration: no application is needed, and one that runs is not disturbed. */
import { settingsFrom } from '../coordinator/settings.ts'
import type { InstallationName, LogIdentity } from '../core/ids.ts'
import { bounded } from '../doctor/bounded.ts'
import { type DoctorReport, examine } from '../doctor/doctor.ts'
import { limitsFrom } from '../doctor/options.ts'
import { retentionDefault, slotsDefault } from '../log/sharing.ts'
import { nodeClock } from '../node/clock.ts'
import { surveyLog } from '../node/log-survey.ts'
import { nodeRandom } from '../node/random.ts'
import { nodeTimers } from '../node/timers.ts'
import type { Participant } from '../participants/contract.ts'
import { findClearSecrets } from './clear-secrets.ts'
import type { Configuration } from './configuration.ts'
import type { LoadedConfiguration } from './load.ts'
import { given, openResources } from './resources.ts'
import type { Environment } from './secret.ts'

const endMs = 1_000

/**
 * Examines what `openConfigured` would open. Throws `ASSENT_INVALID_OPTION` for an environment
 * variable that is not set, and a driver that is not installed.
 */
export async function examineConfigured(
  loaded: LoadedConfiguration,
  environment: Environment,
): Promise<DoctorReport> {
  const { configuration, log } = loaded
  const ports = { clock: nodeClock(), timers: nodeTimers(), random: nodeRandom() }
  const limits = limitsFrom(given(configuration.doctor ?? {}), settingsFrom(configuration))
  const secrets = await findClearSecrets(loaded)
  const { participants, end } = await openResources(loaded, environment)
  for (const [resource, participant] of participants) participant.attach({ ...ports, resource })
  try {
    return await examine(
      {
        resources: participants,
        log: {
          installation: configuration.name,
          slots: configuration.slots ?? slotsDefault,
          retentionBytes: configuration.retention?.bytes ?? retentionDefault.bytes,
        },
        logs: await logsIn(participants, configuration, { ...ports, ...limits }),
        acceptChanged: new Set(configuration.acceptChanged),
        survey: log === undefined ? undefined : () => surveyLog(log, []),
        known: secrets,
      },
      limits,
      ports,
    )
  } finally {
    await Promise.allSettled([...participants.values()].map((each) => each.close()))
    await end(endMs)
  }
}

/** The logs that a resource keeps: what they have prepared is ours. None where it can't be asked. */
async function logsIn(
  participants: ReadonlyMap<string, Participant>,
  { name, decisions }: Configuration,
  limits: Parameters<typeof bounded>[0],
): Promise<LogIdentity[]> {
  const table = participants.get(decisions?.in ?? '')?.decisionTable?.({ create: false })
  if (table === undefined) return []
  const logs = await bounded(limits, () => table.logs(name as InstallationName)).catch(() => [])
  return logs.map(({ identity }) => identity)
}

/** Opens a coordinator over Node: the ports, the log, and the face. */
import { resolve } from 'node:path'
import {
  type Coordinator,
  type CoordinatorOptions,
  createCoordinator,
} from '../coordinator/coordinator.ts'
import type { ResourceMap } from '../coordinator/options.ts'
import type { Scope } from '../coordinator/scope.ts'
import { defaultSettings } from '../coordinator/settings.ts'
import { AssentError, messageOf } from '../core/errors.ts'
import { isInstallationName } from '../core/ids.ts'
import type { SurveyLog } from '../doctor/survey.ts'
import { retentionDefault, slotsDefault } from '../log/sharing.ts'
import { nodeClock } from './clock.ts'
import { asyncContext } from './context.ts'
import { type Controlled, type ControlSocket, openControlSocket } from './control-socket.ts'
import { type DecisionPlace, decisionLogs } from './decision-place.ts'
import { diagnosticsEvents } from './events.ts'
import { surveyLog } from './log-survey.ts'
import { nodeRandom } from './random.ts'
import { requireNode } from './runtime.ts'
import { stopProcess } from './stop-process.ts'
import { backgroundTimers, nodeTimers } from './timers.ts'

interface InstallationOptions<Resources extends ResourceMap> extends CoordinatorOptions<Resources> {
  /** What this installation is called: `[a-z0-9-]`, at most 20 characters. Part of every id. */
  readonly name: string
  /** How many processes may share the log; default 64. */
  readonly slots?: number
  /** How long, and in how many bytes, outcomes are kept; default 24 hours and 64 MiB. */
  readonly retention?: { readonly ms?: number; readonly bytes?: number }
}

/** Either `log` or `decisions` says where the decisions are kept. */
export type OpenCoordinatorOptions<Resources extends ResourceMap = ResourceMap> =
  InstallationOptions<Resources> & DecisionPlace<Resources>

const known: ReadonlySet<string> = new Set([
  ...['name', 'log', 'decisions', 'slots', 'retention', 'controlSocket'],
  ...['resources', 'acceptChanged', 'doctor'],
  ...Object.keys(defaultSettings),
])

/**
 * Opens a transaction manager over named resources; see `Coordinator`. Close it when done.
 *
 * @example
 * const coordinator = await openCoordinator({
 *   name: 'shop',
 *   log: './transactions',
 *   resources: { orders: postgres(ordersPool), stock: postgres(stockPool) },
 * })
 *
 * @example
 * // Where the disk does not last: the decisions are in the database of one of the resources.
 * const coordinator = await openCoordinator({
 *   name: 'shop',
 *   decisions: { in: 'orders' },
 *   resources: { orders: postgres(ordersPool), stock: postgres(stockPool) },
 * })
 *
 * @throws `ASSENT_UNSUPPORTED_NODE`, `ASSENT_INVALID_OPTION`; `ASSENT_LOG_BUSY`, `ASSENT_LOG_CORRUPT`,
 * `ASSENT_LOG_INCOMPATIBLE` or `ASSENT_LOG_FAILED`; `ASSENT_RESOURCE_REFUSED` or
 * `ASSENT_RESOURCE_CHANGED`. A resource that can't be reached is no failure: it is asked again; but
 * one that keeps the decisions must be there.
 */
export async function openCoordinator<const Resources extends ResourceMap>(
  options: OpenCoordinatorOptions<Resources>,
): Promise<Coordinator<Resources>> {
  requireNode()
  const { name, slots, retention } = options
  for (const option of Object.keys(options)) {
    if (!known.has(option)) throw invalid(option, 'is no option of openCoordinator')
  }
  if (typeof name !== 'string' || !isInstallationName(name)) {
    throw invalid('name', `must be 1 to 20 of a-z, 0-9 and -, not ${JSON.stringify(name)}`)
  }
  const clock = nodeClock()
  const timers = nodeTimers()
  const random = nodeRandom()
  const { logs, directory } = decisionLogs(options, { clock, random })
  const limits = {
    slots: slots ?? slotsDefault,
    retentionBytes: retention?.bytes ?? retentionDefault.bytes,
  }
  const ports = {
    clock,
    timers,
    backgroundTimers: backgroundTimers(),
    random,
    context: asyncContext<Scope>(),
    signals: makeSignal,
    events: diagnosticsEvents(),
    logs,
    ...(directory === undefined ? {} : { place: { survey: surveyOf(directory), ...limits } }),
    onBroken: stopProcess,
    beforeRelease: async () => control?.close(),
  }
  let control: ControlSocket | undefined
  const coordinator = await createCoordinator(ports, options)
  const hasSocket = directory !== undefined && options.controlSocket !== false
  if (hasSocket) control = await tryControlSocket(coordinator)
  return coordinator
}

/** The log stays where it was: a later `process.chdir` does not move it. */
function surveyOf(log: string): SurveyLog {
  const directory = resolve(log)
  return (own) => surveyLog(directory, own)
}

/** Operators can do without it, and the application must run where nothing may listen. */
async function tryControlSocket(coordinator: Controlled): Promise<ControlSocket | undefined> {
  try {
    return await openControlSocket(coordinator)
  } catch (cause) {
    process.emitWarning(`no control socket for \`assent\`: ${messageOf(cause)}`, {
      code: 'ASSENT_CONTROL_SOCKET',
      detail: 'openCoordinator({ controlSocket: false }) does without.',
    })
    return undefined
  }
}

function makeSignal(): { readonly signal: AbortSignal; abort(reason: unknown): void } {
  const controller = new AbortController()
  return { signal: controller.signal, abort: (reason) => controller.abort(reason) }
}

function invalid(option: string, problem: string): AssentError {
  return new AssentError('ASSENT_INVALID_OPTION', `${option} ${problem}`, { option })
}

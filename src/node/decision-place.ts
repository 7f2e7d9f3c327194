/**
 * Where the decisions of a coordinator are kept, as its options say: in files of a directory, or in the
 * database of one of its resources. What can't be meant is refused before anything is opened.
 */
import type { LogsPort } from '../coordinator/open.ts'
import type { NameOf, ResourceMap } from '../coordinator/options.ts'
import { AssentError } from '../core/errors.ts'
import type { Clock, Random } from '../core/ports.ts'
import { openFileLogs } from '../log/file/open.ts'
import { openTableLogs } from '../log/participant/open.ts'
import type { Participant } from '../participants/contract.ts'
import { nodeDisk } from './disk.ts'
import { backgroundTimers, nodeTimers } from './timers.ts'

/** Decisions in the database of a resource, for processes whose disk does not last. */
export interface DecisionsOption<Name extends string = string> {
  /** The resource: a PostgreSQL database, so far. */
  readonly in: Name
  /**
   * Makes the tables where they are missing; default false: then a missing one is refused, and the
   * error says which statements make it.
   */
  readonly create?: boolean
}

/** One of the two, and not both. */
export type DecisionPlace<Resources extends ResourceMap = ResourceMap> =
  | {
      /** The directory of the decision log; made when missing. Processes may share it. */
      readonly log: string
      readonly decisions?: never
      /** Whether `assent` can ask this process, through a socket of the log; default true. */
      readonly controlSocket?: boolean
    }
  | {
      /** Keeps the decisions in a resource's database, and none in files. Processes may share it. */
      readonly decisions: DecisionsOption<NoInfer<NameOf<Resources>>>
      readonly log?: never
      /** The socket is one of the log's directory, and there is none. */
      readonly controlSocket?: false
    }

/** What is common to both kinds. */
export interface DecisionLogsOptions {
  readonly name: string
  readonly slots?: number
  readonly retention?: { readonly ms?: number; readonly bytes?: number }
}

/** Throws `ASSENT_INVALID_OPTION`. Answers the logs, and the directory where there is one. */
export function decisionLogs(
  options: DecisionLogsOptions & DecisionPlace & { readonly resources: ResourceMap },
  ports: { readonly clock: Clock; readonly random: Random },
): { readonly logs: LogsPort; readonly directory: string | undefined } {
  const { log, decisions, name: installation, slots, retention, resources } = options
  const common = {
    installation,
    ...ports,
    ...(slots === undefined ? {} : { slots }),
    ...(retention === undefined ? {} : { retention }),
  }
  if (decisions !== undefined) {
    if (log !== undefined) throw invalid('decisions', 'and log both say where: give one of them')
    const { participant, create } = keeper(decisions, resources)
    if (options.controlSocket) {
      throw invalid('controlSocket', 'needs the directory of a log; with decisions there is none')
    }
    const logs: LogsPort = () =>
      openTableLogs({
        table: participant.decisionTable({ create }),
        resource: decisions.in,
        timers: nodeTimers(),
        backgroundTimers: backgroundTimers(),
        ...common,
      })
    return { logs, directory: undefined }
  }
  if (typeof log !== 'string' || log === '') {
    const such = 'must be the path of a directory that lasts, such as ./transactions'
    throw invalid('log', `${such}; or give decisions: { in: 'a resource' } instead`)
  }
  const files = { disk: nodeDisk(), timers: backgroundTimers(), directory: log }
  return { logs: openFileLogs({ ...files, ...common }), directory: log }
}

type Keeper = Participant & Required<Pick<Participant, 'decisionTable'>>

/** The participant that is to keep the decisions. */
function keeper(
  decisions: unknown,
  resources: ResourceMap,
): { readonly participant: Keeper; readonly create: boolean } {
  if (typeof decisions !== 'object' || decisions === null) {
    throw invalid('decisions', "must name a resource, as in { in: 'orders' }")
  }
  const { in: name, create = false, ...rest } = decisions as Record<string, unknown>
  const [stranger] = Object.keys(rest)
  if (stranger !== undefined) throw invalid(`decisions.${stranger}`, 'is no option of decisions')
  if (typeof create !== 'boolean') throw invalid('decisions.create', 'must be true or false')
  const known = Object.keys(resources)
  if (typeof name !== 'string' || !known.includes(name)) {
    const names = known.join(', ')
    throw invalid('decisions.in', `must be one of ${names}, and is ${JSON.stringify(name)}`)
  }
  const participant = resources[name]
  if (participant === undefined || !canKeepDecisions(participant)) {
    const kind = participant?.kind ?? ''
    throw invalid(
      'decisions.in',
      `names ${name}, and a resource of the kind ${kind} can not keep decisions: name a ` +
        'PostgreSQL database, or keep them in files with log',
    )
  }
  return { participant, create }
}

function canKeepDecisions(participant: Participant): participant is Keeper {
  return participant.decisionTable !== undefined
}

function invalid(option: string, problem: string): AssentError {
  return new AssentError('ASSENT_INVALID_OPTION', `${option} ${problem}`, { option })
}

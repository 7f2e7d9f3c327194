/** The options that every SQL database has. */
import { type IsolationLevel, readIsolation } from './isolation.ts'
import { readCount } from './options.ts'

interface CommonOptions<Recovery> {
  readonly recovery?: Recovery
  readonly recoveryConnections?: number
  readonly answerTimeoutMs?: number
  readonly lastResource?: boolean
  readonly defaultIsolation?: IsolationLevel
}

export interface CommonSettings<Recovery> {
  readonly recovery: Recovery | undefined
  readonly recoveryConnections: number
  readonly answerTimeoutMs: number
  readonly lastResource: boolean
  readonly defaultIsolation: IsolationLevel | undefined
}

/** The names of the options that are read here. */
export const commonOptions: readonly string[] = [
  'recovery',
  'recoveryConnections',
  'answerTimeoutMs',
  'lastResource',
  'defaultIsolation',
]

/** Throws `ASSENT_INVALID_OPTION`. */
export function readCommon<Recovery>(
  kind: string,
  options: CommonOptions<Recovery>,
): CommonSettings<Recovery> {
  const { recovery, defaultIsolation } = options
  return {
    recovery,
    recoveryConnections: readCount(
      kind,
      'recoveryConnections',
      options.recoveryConnections ?? 2,
      100,
    ),
    answerTimeoutMs: readCount(kind, 'answerTimeoutMs', options.answerTimeoutMs ?? 10_000, 600_000),
    lastResource: options.lastResource === true,
    defaultIsolation:
      defaultIsolation === undefined
        ? undefined
        : readIsolation(kind, defaultIsolation, 'defaultIsolation'),
  }
}

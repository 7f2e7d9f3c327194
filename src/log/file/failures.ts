/**
 * How the disk's failures and unreadable files are told to people.
 *
 * A11: after a failed forced write nothing more is written; the message says what to do about it.
 * Nothing here changes a file: whatever is found wrong stays as it was found.
 */
import { AssentError, codeOf, messageOf } from '../../core/errors.ts'

/** A lack that may pass while nothing was lost: try again later. */
export function isShortage(thrown: unknown): boolean {
  const code = codeOf(thrown)
  return code === 'ENOSPC' || code === 'EDQUOT' || code === 'EMFILE' || code === 'ENFILE'
}

const explanations: ReadonlyMap<string, string> = new Map([
  ['ENOSPC', 'the disk is full; free space'],
  ['EDQUOT', 'the disk quota is used up; free space or raise it'],
  ['EIO', 'the disk reports an error of its own; check or replace it'],
  ['EMFILE', 'this process has too many open files; raise the limit'],
  ['ENFILE', 'this machine has too many open files; raise the limit'],
  ['ENOLCK', 'the file system has no locks; put the log on a local disk'],
])

/** The log can't be written: from now on, or not opened at all. */
export function logFailed(location: string, doing: string, cause: unknown): AssentError {
  const code = codeOf(cause)
  const explained = code === undefined ? undefined : explanations.get(code)
  const why = explained === undefined ? messageOf(cause) : `${explained} (${messageOf(cause)})`
  const cure = 'Nothing that was decided is lost: mend this, then open the log again.'
  return new AssentError(
    'ASSENT_LOG_FAILED',
    `${doing} of the decision log ${location} failed: ${why}. ${cure}`,
    {},
    { cause },
  )
}

const unusable: ReadonlySet<string> = new Set([
  'EACCES',
  'EEXIST',
  'ELOOP',
  'ENAMETOOLONG',
  'ENOTDIR',
  'EPERM',
  'EROFS',
])

/** What `open` rejects with: a directory that can't be one, or a disk that fails. */
export function openFailed(location: string, cause: unknown): unknown {
  if (cause instanceof AssentError) return cause
  const code = codeOf(cause)
  if (code === undefined) return cause
  if (!unusable.has(code)) return logFailed(location, 'Opening', cause)
  return new AssentError(
    'ASSENT_INVALID_OPTION',
    `The directory ${location} can't be used for the decision log: ${messageOf(cause)}.`,
    { option: 'log' },
    { cause },
  )
}

/** The file does not read as it was written. `offset` is in bytes from its start. */
export function logCorrupt(file: string, offset: number, problem: string): AssentError {
  return new AssentError(
    'ASSENT_LOG_CORRUPT',
    `The decision log is damaged: ${problem}, in ${file} at byte ${offset}. Nothing was changed.`,
    { file, offset },
  )
}

export function logIncompatible(file: string, problem: string): AssentError {
  return new AssentError('ASSENT_LOG_INCOMPATIBLE', `${file} ${problem}`, { file })
}

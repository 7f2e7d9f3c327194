/**
 * How the failures of a log in a database are told to people.
 *
 * A11: once it has failed for good nothing more is written; the message says what to do about it.
 */
import { AssentError, messageOf } from '../../core/errors.ts'

/** The log can't be written any more, or not be opened at all. */
export function logFailed(location: string, problem: string, cause: unknown): AssentError {
  const why = cause === undefined ? '' : `: ${messageOf(cause)}`
  const cure = 'Nothing that was decided is lost: mend this, then open the log again.'
  const message = `The decision log ${location} ${problem}${why}. ${cure}`
  return new AssentError('ASSENT_LOG_FAILED', message, {}, { cause })
}

/** What `open` and `adopt` reject with: what somebody has to mend is told as it was found. */
export function openFailed(location: string, cause: unknown): unknown {
  if (cause instanceof AssentError) return cause
  const cure =
    'Nothing was changed: when it can be reached, open again, with participants made anew.'
  const message = `The decision log ${location} could not be opened: ${messageOf(cause)}. ${cure}`
  return new AssentError('ASSENT_LOG_FAILED', message, {}, { cause })
}

/** A row does not read as it was written. `offset` is in bytes from the start of its record. */
export function logCorrupt(where: string, offset: number, problem: string): AssentError {
  const message = `The decision log is damaged: ${problem}, in ${where} at byte ${offset}.`
  return new AssentError('ASSENT_LOG_CORRUPT', `${message} Nothing was changed.`, {
    file: where,
    offset,
  })
}

export function logIncompatible(where: string, problem: string): AssentError {
  return new AssentError('ASSENT_LOG_INCOMPATIBLE', `${where} ${problem}`, { file: where })
}

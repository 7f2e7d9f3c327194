/** How a command ends that could not do what it was told. */
import type { ErrorCode } from '../core/error-catalogue.ts'

/** The command line can't be meant: exit code 2, and nothing was changed. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** A command could not do what it was told; the message says why and what to do. */
export class CommandFailure extends Error {
  override readonly name = 'CommandFailure'
  /** Where it is one of the catalogue, whose exit code then counts; else the exit code is 1. */
  readonly code: ErrorCode | undefined

  constructor(
    message: string,
    options: { readonly code?: ErrorCode; readonly cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause })
    this.code = options.code
  }
}

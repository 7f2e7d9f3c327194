/** What an ID on the command line means, and who answers for it. */
import {
  formatTransactionId,
  parseBranchId,
  parseTransactionId,
  type TransactionIdParts,
} from '../../core/ids.ts'
import { CommandFailure, UsageError } from '../failures.ts'
import { printable } from '../text.ts'
import { type Installation, type Slot, slotOf } from './installation.ts'

export interface Subject {
  /** The transaction's id, also where a branch was named. */
  readonly id: string
  readonly parts: TransactionIdParts
  /** Whether the id of a branch was given. */
  readonly isBranch: boolean
}

/** Reads an id before anything is asked. Throws `UsageError` for what is none. */
export function readSubject(text: string): Subject {
  const branch = parseBranchId(text)
  const parts = branch ?? parseTransactionId(text)
  if (parts === undefined) {
    throw new UsageError(
      `'${printable(text)}' is no id of a transaction or branch; \`assent list\` shows ids`,
    )
  }
  return { id: formatTransactionId(parts), parts, isBranch: branch !== undefined }
}

/** The slot whose log issued it. Throws `CommandFailure` when that log is not here. */
export function findSlot(installation: Installation, { id, parts }: Subject): Slot {
  const slot = slotOf(installation, parts.log)
  if (slot !== undefined) return slot
  const { directory, name, slots } = installation
  if (parts.installation !== name) {
    throw new CommandFailure(
      `${id} belongs to the installation '${parts.installation}', and ${directory} is the log of ` +
        `'${name}'; name its own log with --log`,
    )
  }
  const damaged = slots.find(({ reading }) => reading.problem !== undefined)?.reading.problem
  if (damaged !== undefined) throw damaged
  throw new CommandFailure(`no log in ${directory} has issued ${id}; was its log moved or deleted?`)
}

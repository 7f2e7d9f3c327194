/** What a session asks of the tables in which a simulated database keeps decisions. */
import type {
  DecisionRow,
  LockRequest,
  TableChange,
  TableContents,
  TableHolder,
  TableLog,
} from '../../../core/decision-table.ts'
import type { InstallationName, LogIdentity, TransactionKey } from '../../../core/ids.ts'

/** Each is a transaction of its own, in one message. */
export type TableRequest =
  | { readonly type: 'list-logs'; readonly installation: InstallationName }
  /** For as long as the session lives; it holds one slot at most. */
  | { readonly type: 'lock-slot'; readonly wanted: LockRequest }
  /** Of the log whose slot the session has locked. */
  | { readonly type: 'read-log' }
  | { readonly type: 'write-log'; readonly change: TableChange }
  | { readonly type: 'remove-presumed'; readonly keys: readonly TransactionKey[] }
  | {
      readonly type: 'presume-aborted'
      readonly holder: TableHolder
      readonly key: TransactionKey
      readonly lockTimeoutMs: number
    }

export type TableReply =
  | { readonly type: 'logs'; readonly logs: readonly TableLog[] }
  /** Undefined while another session has it locked. */
  | { readonly type: 'slot'; readonly log: TableLog | undefined }
  | { readonly type: 'contents'; readonly contents: TableContents }
  | { readonly type: 'row'; readonly row: DecisionRow }
  | { readonly type: 'removed'; readonly keys: readonly TransactionKey[] }

export function isTableRequest(request: { readonly type: string }): request is TableRequest {
  return tableRequests.has(request.type as TableRequest['type'])
}

const tableRequests: ReadonlySet<TableRequest['type']> = new Set([
  'list-logs',
  'lock-slot',
  'read-log',
  'write-log',
  'remove-presumed',
  'presume-aborted',
])

/** For messages and locks: the row of a transaction. */
export function rowName(log: LogIdentity, { epoch, counter }: TransactionKey): string {
  return `row ${log}.${epoch.toString(36)}.${counter.toString(36)}`
}

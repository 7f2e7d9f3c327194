/** What a process does at the simulated disk, as faults are told of it, and how it may fail. */

export interface DiskOperation {
  readonly process: string
  readonly kind:
    | 'close'
    | 'create'
    | 'list'
    | 'lock'
    | 'make-directory'
    | 'open'
    | 'read'
    | 'remove'
    | 'rename'
    | 'size'
    | 'sync'
    | 'sync-directory'
    | 'write'
  readonly path: string
}

/** The `code` of the error that an operation is to fail with. */
export type DiskFault = 'EIO' | 'ENOSPC' | 'EMFILE'

/** What the doctor can find of the decision log. */
import type { Entries } from './finding-entry.ts'

export type LogFindingId =
  | 'log-unusable'
  | 'log-of-another-installation'
  | 'log-damaged'
  | 'log-volatile'
  | 'log-in-container-layer'
  | 'log-on-shared-file-system'
  | 'log-file-system-unknown'
  | 'log-space-out'
  | 'log-space-low'
  | 'log-slots-taken'
  | 'log-abandoned'
  | 'log-process-silent'
  | 'operator-awaited'

export const ofTheLog: Entries<LogFindingId> = {
  'log-unusable': {
    severity: 'error',
    meaning: 'The log directory can not be made, read or written by this account.',
    effect: 'The coordinator can not be opened.',
    cure: 'Give the directory to the account that the application runs as.',
  },
  'log-of-another-installation': {
    severity: 'error',
    meaning: 'The log directory belongs to an installation of another name.',
    effect: 'The coordinator can not be opened under this name.',
    cure: 'Correct `name` or `log`; two installations never share a directory.',
  },
  'log-damaged': {
    severity: 'error',
    meaning: 'A slot of the log does not read as it was written.',
    effect: 'What it holds undelivered stays prepared at the resources, with its locks.',
    cure: 'Keep the directory as it is, and follow docs/operating/recovery.md.',
  },
  'log-volatile': {
    severity: 'error',
    meaning: 'The log is in memory (tmpfs, ramfs): a restart of the machine empties it.',
    effect: 'Decisions are lost, and what is prepared stays so until an operator guesses its end.',
    cure: 'Move the log to a local disk.',
  },
  'log-in-container-layer': {
    severity: 'warning',
    meaning: 'The log is in the writable layer of a container (overlay).',
    effect: 'It goes when the container is replaced, and the decisions in it are lost.',
    cure: 'Mount a volume that lasts, and put the log there.',
  },
  'log-on-shared-file-system': {
    severity: 'warning',
    meaning: 'The log is on a network or host-shared file system.',
    effect: 'Whether a forced write reaches a disk, and whether locks hold, is for others to say.',
    cure: 'Move the log to a local disk, or make sure of both with whoever runs that file system.',
  },
  'log-file-system-unknown': {
    severity: 'notice',
    meaning: 'It can not be told here what kind of file system the log is on.',
    effect: 'Whether a forced write lasts was not examined.',
    cure: 'Make sure that it is a local disk: APFS, NTFS, ext4, XFS, Btrfs, ZFS.',
  },
  'log-space-out': {
    severity: 'error',
    meaning: 'The file system of the log has no room for the next segment and a checkpoint.',
    effect: 'A forced write fails, and with it the process: it decides nothing more.',
    cure: 'Free space there, or move the log, with every process stopped, to a larger disk.',
  },
  'log-space-low': {
    severity: 'warning',
    meaning: 'The file system of the log has less room than the log may grow to.',
    effect: 'The disk fills while outcomes are kept, and then the processes stop deciding.',
    cure: 'Free space there, or keep fewer outcomes (`retention`).',
  },
  'log-slots-taken': {
    severity: 'error',
    meaning: 'Live processes hold every slot of the log.',
    effect: 'The next process that opens the log is refused.',
    cure: 'Raise `slots`, or stop a process that is no longer needed.',
  },
  'log-abandoned': {
    severity: 'warning',
    meaning: 'The process of a slot is gone, and no other has taken over what it left.',
    effect: 'What it left prepared keeps its locks until a process opens the log.',
    cure: 'Start the application: it goes on with the slot at once.',
  },
  'log-process-silent': {
    severity: 'notice',
    meaning: 'A live process holds a slot and does not answer on its control socket.',
    effect: 'If it hangs, nobody goes on with its work; else nothing but `assent` is kept out.',
    cure: 'If it hangs, kill it: another process goes on. Else see `controlSocket`.',
  },
  'operator-awaited': {
    severity: 'warning',
    meaning: 'Transactions are held, or ended with a heuristic that nobody has looked at.',
    effect: 'What is held keeps its locks; what is a heuristic is data that does not agree.',
    cure: 'Look at each, and settle it: see docs/cli.md.',
  },
}

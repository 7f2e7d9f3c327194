/**
 * The one catalogue of what the doctor can find. `docs/operating/doctor.md` comes from it, and a test
 * keeps them equal. An id never changes its meaning, nor its severity.
 */

/** `error`: the promise can't be kept, or work stands still; the doctor's exit code is then 1. */
export type Severity = 'error' | 'warning' | 'notice'

export interface FindingEntry {
  readonly severity: Severity
  /** What was found, in one sentence. */
  readonly meaning: string
  /** What it would cause. */
  readonly effect: string
  /** What to do about it; the finding itself brings the command, where there is one. */
  readonly cure: string
}

type LogFindingId =
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

type ResourceFindingId =
  | 'resource-unreachable'
  | 'resource-refused'
  | 'resource-changed'
  | 'not-examined'
  | 'same-database-twice'
  | 'clock-skew'
  | 'own-branch-waits'
  | 'stranger-branch-waits'
  | 'another-installation'
  | 'prepared-hidden'
  | 'branch-not-finishable'

type DatabaseFindingId =
  | 'server-too-old'
  | 'server-variant'
  | 'server-in-recovery'
  | 'identity-hidden'
  | 'prepared-off'
  | 'prepared-slots-few'
  | 'fsync-off'
  | 'danger-accepted'
  | 'pages-unprotected'
  | 'commits-unforced'
  | 'binary-log-unforced'
  | 'tables-not-transactional'

export type FindingId = LogFindingId | ResourceFindingId | DatabaseFindingId

type Entries<Id extends FindingId> = Readonly<Record<Id, FindingEntry>>

const ofTheLog: Entries<LogFindingId> = {
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

const ofAnyResource: Entries<ResourceFindingId> = {
  'resource-unreachable': {
    severity: 'error',
    meaning: 'The resource can not be reached, or did not answer in time.',
    effect: 'No transaction can use it, and no decision is delivered to it.',
    cure: 'Start it, or correct its address and its credentials.',
  },
  'resource-refused': {
    severity: 'error',
    meaning: 'The resource was reached, and is set up so that it can not keep the promise.',
    effect: 'The coordinator refuses to open.',
    cure: 'Change what the finding names.',
  },
  'resource-changed': {
    severity: 'error',
    meaning: 'The name reaches another database than the log knows it by.',
    effect: 'The coordinator refuses to open, because a decision could be lost as done.',
    cure: 'Point it back, give the new database a new name, or name it in `acceptChanged`.',
  },
  'not-examined': {
    severity: 'warning',
    meaning: 'A part of the examination failed, or took too long.',
    effect: 'What it would have found is not known.',
    cure: 'Mend what the finding names, and run the doctor again.',
  },
  'same-database-twice': {
    severity: 'warning',
    meaning: 'Two names reach one database.',
    effect: 'A transaction over both has two branches there, which can wait for each other.',
    cure: 'Give each database one name.',
  },
  'clock-skew': {
    severity: 'warning',
    meaning: 'The clock of the server and of this machine disagree beyond the limit.',
    effect: 'Ages and times in lists and logs mislead; no decision rests on them.',
    cure: 'Keep the clocks of both machines by NTP.',
  },
  'own-branch-waits': {
    severity: 'warning',
    meaning: 'Branches of this installation are prepared for longer than any time-out explains.',
    effect: 'They hold their locks, and in PostgreSQL hold back vacuum.',
    cure: 'Look at what they wait for: `assent show` tells, given the id.',
  },
  'stranger-branch-waits': {
    severity: 'warning',
    meaning: 'Transactions that others have prepared wait for longer than the limit.',
    effect: 'They hold their locks, and in PostgreSQL hold back vacuum; nobody here ends them.',
    cure: 'Find out whose they are; end by hand only what nobody will end.',
  },
  'another-installation': {
    severity: 'error',
    meaning: 'An installation of the same name is at work here with a log of its own.',
    effect:
      'Neither finishes what the other leaves prepared; if it is a log of yours that is lost, ' +
      'nobody does.',
    cure: 'Give each installation a name of its own, or find the log that is missing.',
  },
  'prepared-hidden': {
    severity: 'error',
    meaning: 'The role may not see prepared transactions.',
    effect: 'After a crash nothing that was prepared is found, and its locks stay.',
    cure: 'Grant the right to see them.',
  },
  'branch-not-finishable': {
    severity: 'error',
    meaning: 'Branches are prepared that the role may not finish.',
    effect: 'Their decision is told again and again in vain, and their locks stay.',
    cure: 'Make the role a member of the one that prepared them.',
  },
}

const ofDatabases: Entries<DatabaseFindingId> = {
  'server-too-old': {
    severity: 'error',
    meaning: 'The server is older than what keeps a prepared transaction.',
    effect: 'The coordinator refuses to open.',
    cure: 'Upgrade the server.',
  },
  'server-variant': {
    severity: 'warning',
    meaning: 'The server speaks the protocol, and is another product than those that are tested.',
    effect: 'Its prepared transactions may not keep what those of the original keep.',
    cure: 'Use it as the last resource, or test it against kills before it is trusted.',
  },
  'server-in-recovery': {
    severity: 'error',
    meaning: 'The server takes no writes: a standby, a replica, or one that was closed to them.',
    effect: 'No transaction can use it, and no decision is delivered to it.',
    cure: 'Point the resource at the primary, or promote the server.',
  },
  'identity-hidden': {
    severity: 'error',
    meaning: 'The role may not read the identity of the server.',
    effect: 'The coordinator refuses to open: it could take another database for this one.',
    cure: 'Grant the right to read it.',
  },
  'prepared-off': {
    severity: 'error',
    meaning: 'The server has no room for prepared transactions.',
    effect: 'The coordinator refuses to open: the server can not vote.',
    cure: 'Make room for as many as there are connections, or use it as the last resource.',
  },
  'prepared-slots-few': {
    severity: 'warning',
    meaning: 'The pools can prepare more transactions at once than the server has room for.',
    effect: 'Under load transactions wait for a place, or are voted down.',
    cure: 'Make room for as many as all pools together can prepare.',
  },
  'fsync-off': {
    severity: 'error',
    meaning: 'The server does not force its writes to the disk.',
    effect: 'A power cut loses what it said it had prepared or committed (A5).',
    cure: 'Switch the forced writes on.',
  },
  'danger-accepted': {
    severity: 'notice',
    meaning: 'A danger that Assent would refuse was accepted by name (`allowUnsafe`).',
    effect: 'A power cut can break atomicity.',
    cure: 'Accept it in tests only.',
  },
  'pages-unprotected': {
    severity: 'warning',
    meaning: 'The server does not protect its pages against a torn write.',
    effect: 'A power cut can damage data for good, prepared transactions included.',
    cure: 'Switch the protection on, unless the file system writes pages whole.',
  },
  'commits-unforced': {
    severity: 'notice',
    meaning: 'Sessions of this role commit without waiting for the disk.',
    effect: 'Branches are forced all the same; other work of the application may be lost.',
    cure: 'Switch it on where that matters.',
  },
  'binary-log-unforced': {
    severity: 'error',
    meaning: 'The binary log is not forced with each commit.',
    effect: 'A crash of the machine can lose what the server said it had prepared (A5).',
    cure: 'Force it with each commit.',
  },
  'tables-not-transactional': {
    severity: 'warning',
    meaning: 'Tables of the database have an engine that takes no part in transactions.',
    effect: 'What a branch writes there stays when the transaction rolls back, silently.',
    cure: 'Convert those that transactions write to.',
  },
}

/** By where they are found; the order is that of the page. */
export const findingGroups: readonly {
  readonly title: string
  readonly entries: Readonly<Partial<Record<FindingId, FindingEntry>>>
}[] = [
  { title: 'Of the log', entries: ofTheLog },
  { title: 'Of any resource', entries: ofAnyResource },
  { title: 'Of databases', entries: ofDatabases },
]

export const findingCatalogue: Readonly<Record<FindingId, FindingEntry>> = {
  ...ofTheLog,
  ...ofAnyResource,
  ...ofDatabases,
}

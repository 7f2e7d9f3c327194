/** What the doctor can find of databases. */
import type { Entries } from './finding-entry.ts'

export type DatabaseFindingId =
  | 'server-too-old'
  | 'server-variant'
  | 'server-in-recovery'
  | 'identity-hidden'
  | 'prepared-off'
  | 'prepared-slots-few'
  | 'fsync-off'
  | 'danger-accepted'
  | 'last-resource-unforced'
  | 'pages-unprotected'
  | 'commits-unforced'
  | 'binary-log-unforced'
  | 'tables-not-transactional'

export const ofDatabases: Entries<DatabaseFindingId> = {
  'server-too-old': {
    severity: 'error',
    meaning: 'The server is older than what keeps a prepared transaction.',
    effect: 'The coordinator refuses to open.',
    cure:
      'Upgrade the server to at least the version that the finding names, by way of a backup, as ' +
      'its manual says; no setting replaces that.',
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
  'last-resource-unforced': {
    severity: 'warning',
    meaning: 'A last resource does not force what it commits, which it may be used with.',
    effect: 'A power cut can lose what it committed, when the others have committed for good.',
    cure: 'Switch the forced writes on, unless that loss is acceptable.',
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

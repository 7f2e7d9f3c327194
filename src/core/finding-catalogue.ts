/**
 * The one catalogue of what the doctor can find. `docs/operating/doctor.md` comes from it, and a test
 * keeps them equal. An id never changes its meaning, nor its severity.
 */

import type { Entries, FindingEntry } from './finding-entry.ts'
import { type DatabaseFindingId, ofDatabases } from './finding-of-database.ts'
import { type LogFindingId, ofTheLog } from './finding-of-log.ts'

export type { FindingEntry, Severity } from './finding-entry.ts'

type ResourceFindingId =
  | 'resource-unreachable'
  | 'resource-refused'
  | 'resource-changed'
  | 'not-examined'
  | 'same-database-twice'
  | 'clock-skew'
  | 'own-branch-waits'
  | 'stranger-branch-waits'
  | 'unclear-branch-waits'
  | 'ages-hidden'
  | 'another-installation'
  | 'prepared-hidden'
  | 'secret-in-file'
  | 'branch-not-finishable'

export type FindingId = LogFindingId | ResourceFindingId | DatabaseFindingId

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
    cure: 'Do as the finding says at its end.',
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
    cure:
      'Take one of the two names out of `resources`, once nothing is unfinished under it, and ' +
      'let its transactions use the other.',
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
  'unclear-branch-waits': {
    severity: 'warning',
    meaning:
      'Something prepared waits for longer than a limit, and the server does not tell whose it is.',
    effect: 'It holds its locks; if it is ours, for longer than any time-out explains.',
    cure:
      'List what is prepared twice, a minute apart: what is there both times waits. Of ours look ' +
      'with `assent show`; find out whose the rest is.',
  },
  'ages-hidden': {
    severity: 'notice',
    meaning: 'The account may not see for how long what is prepared is open (MariaDB, MySQL).',
    effect: 'What waits for too long there, ours or of others, is not found.',
    cure: 'Grant the right to see it; nothing but the doctor needs it.',
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
  'secret-in-file': {
    severity: 'notice',
    meaning: 'A URL in the configuration file has a password in it.',
    effect: 'Whoever reads the file, its backups or its repository has the password.',
    cure: 'Put the URL into an environment variable, name that in the file, change the password.',
  },
  'branch-not-finishable': {
    severity: 'error',
    meaning: 'Branches are prepared that the role may not finish.',
    effect: 'Their decision is told again and again in vain, and their locks stay.',
    cure: 'Make the role a member of the one that prepared them.',
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

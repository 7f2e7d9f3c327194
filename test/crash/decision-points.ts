/**
 * The moments at which workers are killed whose decisions are kept in the left database: its branch
 * carries the decision in its own local commit, and only the right one is prepared.
 */
import {
  type CrashPoint,
  pointsAfterTheDecision,
  pointsBeforeTheDecision,
  pointsOfTheLastResource,
} from './crash-points.ts'
import type { RecoveryPoint } from './recovery-points.ts'

/** A transfer, with others beside it. */
const ofATransfer = { kind: 'transfer', beside: 1 } as const

export const carrierSent = 'the commit with the decision sent, its answer not read'
export const othersVoted = 'the other branch is prepared, the commit with the decision is not sent'

export const pointsOfTheCarrier: readonly CrashPoint[] = [
  {
    ...ofATransfer,
    name: 'PREPARE of the other branch sent, its answer not read',
    where: 'preparing: the other branch is prepared, and this one is open',
    race: 'A prepared branch waits for a commit that its own session has died before.',
    trigger: { on: 'sent', statement: 'prepare' },
    killedWhen: 'one branch is prepared',
    ends: 'aborted',
  },
  {
    ...ofATransfer,
    name: othersVoted,
    where: 'committing-with-decision: everybody who votes has voted yes',
    race: 'It is as good as decided, and yet only the row decides.',
    trigger: { on: 'event', channel: 'transaction', state: 'committing-with-decision' },
    ends: 'aborted',
    ofTheDatabase: true,
  },
  {
    ...ofATransfer,
    name: 'the commit with the decision just sent',
    where: 'committing-with-decision: the bytes are in the kernel, and may land late',
    race: 'Recovery presumes abort while the commit is on its way: one of them meets the other.',
    trigger: { on: 'sent', statement: 'commit with the decision' },
    ends: 'either way',
    ofTheDatabase: true,
  },
  {
    ...ofATransfer,
    name: carrierSent,
    where: 'committing-with-decision: row and work are there, and nobody knows',
    race: 'The only record of the decision is in the database of a branch that has ended.',
    trigger: { on: 'sent', statement: 'commit with the decision' },
    killedWhen: 'it is in the journal',
    ends: 'committed',
    ofTheDatabase: true,
  },
  {
    ...ofATransfer,
    name: 'the decision stands by the local commit, no commit is sent',
    where: 'committing: the caller does not know, nor does the prepared branch',
    race: 'Only the table knows: presuming abort here would tear the transaction apart.',
    trigger: { on: 'event', channel: 'transaction', state: 'committing' },
    ends: 'committed',
    ofTheDatabase: true,
  },
  {
    ...ofATransfer,
    name: 'the commit sent to the other branch, its answer not read',
    where: 'committing: both have committed, and nobody knows',
    race: 'Recovery finds a row and no branch, and must prove that all have committed.',
    trigger: { on: 'sent', statement: 'commit prepared' },
    killedWhen: 'no branch is left',
    ends: 'committed',
  },
  {
    ...ofATransfer,
    name: 'the other branch refused, this one is not rolled back yet',
    where: 'rolling-back: no row was written, and none will be',
    race: 'The abort was never written anywhere; a row must not come after it.',
    kind: 'refused',
    trigger: { on: 'event', channel: 'transaction', state: 'rolling-back' },
    ends: 'aborted',
  },
]

/** Those of the points over a log directory that are the same with the decisions in a database. */
const alike: readonly string[] = [
  'in the middle of the work',
  'all have acknowledged, the settlement is not noted',
  'the caller has been told',
  'the one-phase commit is sent, its answer not read',
  'the last resource has committed, its answer not read',
  'the last resource has committed, the decision is not recorded',
]

export const pointsAlike: readonly CrashPoint[] = [
  ...pointsBeforeTheDecision,
  ...pointsAfterTheDecision,
  ...pointsOfTheLastResource,
].filter(({ name }) => alike.includes(name))

export const pointsOfTheTable: readonly RecoveryPoint[] = [
  {
    name: 'the log is recovered from the table, nothing is delivered',
    where: 'open: the epoch is raised, and every undelivered decision has its row',
    race: 'A recovery that dies must leave no less than it found.',
    first: carrierSent,
    trigger: { on: 'event', channel: 'log', state: 'opened' },
  },
  {
    name: 'the commit sent by the recovery, its answer not read',
    where: 'committing: the other branch has committed by the hand of the second process',
    race: 'The third process meets a branch that the second one finished.',
    first: carrierSent,
    trigger: { on: 'sent', statement: 'commit prepared' },
    killedWhen: 'no branch is left',
  },
  {
    name: 'absence was made final, and the rollback of the orphan is sent',
    where: 'no record but an `aborted` that was presumed',
    race: 'What was presumed once stands, and is found by whoever presumes next.',
    first: othersVoted,
    trigger: { on: 'sent', statement: 'rollback prepared' },
    killedWhen: 'no branch is left',
  },
]

/**
 * More moments at which workers are killed, at the log and after a first death: while the decision
 * goes to disk, while they recover what a killed one left, and while one file of the log follows
 * another. See `crash-points.ts`.
 */
import type { CrashPoint } from './crash-points.ts'
import type { Trigger } from './worker/settings.ts'

/** A second death, while the first one is being recovered. */
export interface RecoveryPoint extends Pick<CrashPoint, 'name' | 'where' | 'race' | 'killedWhen'> {
  /** The crash point at which the first worker died. */
  readonly first: string
  readonly trigger: Trigger
}

/** Writes that make a small segment: its zeros, and its header. */
const firstBatch = 3

/** A death while the files of the log change, under load: any transaction may be at any point. */
export type LogFilePoint = Pick<CrashPoint, 'name' | 'where' | 'race' | 'trigger'>

const noCommitSent = 'the decision is durable, no commit is sent'

/** While the decision goes to disk. */
export const pointsInTheLog: readonly CrashPoint[] = [
  {
    name: 'before the write of the decision',
    where: 'recording-decision: the batch is about to be written',
    race: 'The last moment at which the answer is still abort.',
    kind: 'transfer',
    trigger: { on: 'disk', operation: 'write', moment: 'before', path: 'segment' },
    ends: 'aborted',
  },
  {
    name: 'a part of the decision is written',
    where: 'recording-decision: the batch is torn',
    race: 'Part of a record must read as no record, and must not spoil those before it.',
    kind: 'transfer',
    trigger: { on: 'disk', operation: 'write', moment: 'torn', path: 'segment' },
    ends: 'aborted',
  },
  {
    name: 'between the write and the sync of the decision',
    where: 'recording-decision: the record can be read, and need not be durable',
    race: 'Recovery reads a decision that the next loss of power could take away again.',
    kind: 'transfer',
    trigger: { on: 'disk', operation: 'sync', moment: 'before', path: 'segment' },
    ends: 'committed',
  },
  {
    name: 'after the sync of the decision, before anyone knows',
    where: 'recording-decision: durable, and the coordinator has not heard of it',
    race: 'The world must commit what its coordinator never knew to be decided.',
    kind: 'transfer',
    trigger: { on: 'disk', operation: 'sync', moment: 'after', path: 'segment' },
    ends: 'committed',
  },
  {
    name: 'before the mark that some commits leave no record',
    where: 'recording-one-phase: the first such commit of an epoch',
    race: 'The commit must not come before the mark, or absence would say abort of a commit.',
    kind: 'one-phase',
    trigger: { on: 'disk', operation: 'write', moment: 'before', path: 'segment' },
    ends: 'aborted',
    mayBeUnknown: true,
  },
  {
    name: 'before the write of the intent to commit the last resource',
    where: 'recording-intent: the other branch is prepared',
    race: 'Without an intent the last resource was never asked: this is an abort, not a riddle.',
    kind: 'transfer',
    trigger: { on: 'disk', operation: 'write', moment: 'before', path: 'segment' },
    lastResource: true,
    ends: 'aborted',
  },
]

/** While the next process recovers, or a sibling does. */
export const pointsOfRecovery: readonly RecoveryPoint[] = [
  {
    name: 'the log is recovered, nothing is delivered',
    where: 'open: written anew, and every undelivered decision is still in it',
    race: 'A recovery that dies must leave no less than it found.',
    first: noCommitSent,
    trigger: { on: 'event', channel: 'log', state: 'opened' },
  },
  {
    name: 'the commit sent by the recovery, its answer not read',
    where: 'committing: one branch has committed by the hand of the second process',
    race: 'The third process meets a branch that the second one finished.',
    first: noCommitSent,
    trigger: { on: 'sent', statement: 'commit prepared' },
    killedWhen: 'one branch is left',
  },
  {
    name: 'one of two branches has acknowledged to the recovery',
    where: 'committing: the second process knows of one branch',
    race: 'Its knowledge dies with it, as that of the first one did.',
    first: noCommitSent,
    trigger: { on: 'event', channel: 'branch', state: 'ended' },
  },
  {
    name: 'all have acknowledged to the recovery, the settlement is not noted',
    where: 'committed: over, and the log says that it is not',
    race: 'A transaction is delivered for the third time.',
    first: noCommitSent,
    trigger: { on: 'event', channel: 'transaction', state: 'committed' },
  },
  {
    name: 'the rollback of an orphan sent, its answer not read',
    where: 'no record: one orphan is gone, the other is left',
    race: 'What absence said once it must say again.',
    first: 'all votes are in, the decision is not handed to the log',
    trigger: { on: 'sent', statement: 'rollback prepared' },
    killedWhen: 'one branch is left',
  },
  {
    name: 'the operator has decided, and nothing is done yet',
    where: 'held: the act is durable, the decision that it makes is not',
    race: 'What an operator was told is done must be done, by whoever comes next.',
    first: 'the last resource has committed, its answer not read',
    trigger: { on: 'event', channel: 'operator', state: 'resolve' },
  },
  {
    name: 'the state written anew has no name yet',
    where: 'open: the checkpoint is durable under a temporary name',
    race: 'The old files are still the log; the new one must not be taken for it.',
    first: noCommitSent,
    trigger: { on: 'disk', operation: 'rename', moment: 'before', path: '003.checkpoint' },
  },
  {
    name: 'the state written anew has its name, the directory is not synced',
    where: 'open: old and new files say the same',
    race: 'Two truths lie side by side, and one may vanish with the power.',
    first: noCommitSent,
    trigger: { on: 'disk', operation: 'rename', moment: 'after', path: '003.checkpoint' },
  },
  {
    name: 'the first segment of the new epoch is half made',
    where: 'open: a checkpoint without a segment after it',
    race: 'An epoch that was begun and never used must not be given out again.',
    first: noCommitSent,
    trigger: { on: 'disk', operation: 'write', moment: 'torn', path: '004.segment' },
  },
  {
    name: 'one of the old files is removed, one is left',
    where: 'open: a segment is there without the checkpoint that it follows',
    race: 'A rest of the old log must not read as a log with a gap.',
    first: noCommitSent,
    trigger: { on: 'disk', operation: 'remove', moment: 'after', path: '001.checkpoint' },
  },
]

/** While one file of the log follows another, with transactions under way. */
export const pointsOfTheLogFiles: readonly LogFilePoint[] = [
  {
    name: 'the next segment is made and has no name',
    where: 'roll-over: the old segment is half full',
    race: 'It is made behind the commits, which go on meanwhile.',
    trigger: { on: 'disk', operation: 'rename', moment: 'before', path: '003.segment' },
  },
  {
    name: 'the next segment has its name, the directory is not synced',
    where: 'roll-over: the old segment is half full',
    race: 'A segment may be there, empty, or not: neither is a gap.',
    trigger: { on: 'disk', operation: 'rename', moment: 'after', path: '003.segment' },
  },
  {
    name: 'the first batch in the next segment is torn',
    where: 'roll-over: the old segment is full',
    race: 'The chain of batches breaks exactly where one file ends and another begins.',
    trigger: {
      on: 'disk',
      operation: 'write',
      moment: 'torn',
      path: '003.segment',
      nth: firstBatch,
    },
  },
  {
    name: 'a checkpoint under load has no name yet',
    where: 'checkpoint: the full segment is still needed',
    race: 'The state was taken between two batches; those after it are only in segments.',
    trigger: { on: 'disk', operation: 'rename', moment: 'before', path: '002.checkpoint' },
  },
  {
    name: 'a checkpoint under load has its name, the directory is not synced',
    where: 'checkpoint: it and the segment that it replaces are both there',
    race: 'Reading both must count nothing twice.',
    trigger: { on: 'disk', operation: 'rename', moment: 'after', path: '002.checkpoint' },
  },
  {
    name: 'a checkpoint under load has replaced one of two files',
    where: 'checkpoint: the segment that it replaces is there alone',
    race: 'What is left of the replaced files must not be taken for a beginning.',
    trigger: { on: 'disk', operation: 'remove', moment: 'after', path: '001.checkpoint' },
  },
]

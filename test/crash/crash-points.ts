/**
 * The named moments at which a worker process is killed with SIGKILL, each with the race it exposes.
 *
 * They need no hook in the code that runs: the coordinator publishes each change of state before it
 * does what follows from it, a socket knows what it has sent, and a disk what it was asked to do.
 * The simulator goes through every moment there is; these are the ones that real processes, sockets,
 * files and servers are put to.
 */
import type { StoreKind } from './stores/store.ts'
import type { Form, TransferKind, Trigger } from './worker/settings.ts'

/** What the databases show once that which the worker had sent has arrived. */
export type Arrival =
  | 'one branch is prepared'
  | 'both branches are prepared'
  | 'one branch is left'
  | 'no branch is left'
  | 'it is in the journal'

export interface CrashPoint {
  readonly name: string
  /** Where in the life of a transaction it is. */
  readonly where: string
  readonly race: string
  readonly kind: TransferKind
  /** How the work is given to the coordinator; by a callback by default. */
  readonly form?: Form
  readonly trigger: Trigger
  /** The worker stops itself, and is killed when this is so; otherwise it kills itself. */
  readonly killedWhen?: Arrival
  /** How the transaction must have ended when it is recovered. */
  readonly ends: 'committed' | 'aborted' | 'either way'
  /** Whether the log may have forgotten how a commit without a forced record ended. */
  readonly mayBeUnknown?: true
  /** The right database can't prepare: it is the last resource. */
  readonly lastResource?: boolean
  /** What an operator has to decide, from the data, since nothing may be presumed. */
  readonly operatorSays?: 'committed' | 'aborted'
  /** Other transfers are under way; not where the moment can't be told from theirs. */
  readonly beside?: number
  /** What the databases do there is the point: the short run has it for every pair of them. */
  readonly ofTheDatabase?: true
  /** Only there does it come to this: the kind that the right database has to be of. */
  readonly rightIs?: StoreKind
}

const aside = 1

/** Before the decision is durable: whatever was prepared is rolled back. */
export const pointsBeforeTheDecision: readonly CrashPoint[] = [
  {
    name: 'in the middle of the work',
    where: 'active: one database has been changed, the other has not',
    race: 'The servers learn of the death by a closed socket, while the rows are still locked.',
    kind: 'transfer',
    trigger: { on: 'work', step: 'between the databases' },
    ends: 'aborted',
    beside: aside,
  },
  {
    name: 'in a nested part',
    where: 'active: a savepoint is open in both databases',
    race: 'What was released into the transaction and what was not must both be gone.',
    kind: 'nested',
    trigger: { on: 'work', step: 'in the nested part' },
    ends: 'aborted',
    beside: aside,
  },
  {
    name: 'prepare about to be sent',
    where: 'preparing: sealed, and no server has been asked',
    race: 'The caller has returned, so it believes in a commit that nobody has begun.',
    kind: 'transfer',
    trigger: { on: 'event', channel: 'transaction', state: 'preparing' },
    ends: 'aborted',
    beside: aside,
  },
  {
    name: 'between PREPARE of one and of the other',
    where: 'preparing: one branch is prepared, and the other server was never asked',
    race: 'A prepared branch stands alone: no log knows it, and no session holds it.',
    kind: 'transfer',
    trigger: { on: 'sent', statement: 'prepare' },
    killedWhen: 'one branch is prepared',
    ends: 'aborted',
    beside: aside,
    ofTheDatabase: true,
  },
  {
    name: 'PREPARE sent to both, no answer read',
    where: 'preparing: both are prepared, and their answers lie in a dead socket',
    race: 'Two yes-votes that nobody has read must not become a commit.',
    kind: 'transfer',
    trigger: { on: 'sent', statement: 'prepare', nth: 2 },
    killedWhen: 'both branches are prepared',
    ends: 'aborted',
    beside: aside,
    ofTheDatabase: true,
  },
  {
    name: 'the PREPARE just sent',
    where: 'preparing: the bytes are in the kernel, and may land before or after recovery looks',
    race: 'A prepared branch can appear after recovery has looked: the sweep never ends.',
    kind: 'transfer',
    trigger: { on: 'sent', statement: 'prepare', nth: 2 },
    ends: 'aborted',
    beside: aside,
  },
  {
    name: 'the first vote is in',
    where: 'preparing: one vote is read, the other is not',
    race: 'The coordinator knows more than its log.',
    kind: 'transfer',
    trigger: { on: 'event', channel: 'branch', state: 'prepared' },
    ends: 'aborted',
    beside: aside,
  },
  {
    name: 'all votes are in, the decision is not handed to the log',
    where: 'recording-decision: every branch voted yes',
    race: 'It is as good as decided, and yet only the log decides.',
    kind: 'transfer',
    trigger: { on: 'event', channel: 'transaction', state: 'recording-decision' },
    ends: 'aborted',
    beside: aside,
  },
  {
    name: 'one branch voted no, the other is not told',
    where: 'rolling-back: decided without a record, since absence says it',
    race: 'The prepared branch must learn an abort that was never written anywhere.',
    kind: 'refused',
    trigger: { on: 'event', channel: 'transaction', state: 'rolling-back' },
    ends: 'aborted',
    beside: aside,
    ofTheDatabase: true,
  },
  {
    name: 'only one branch wrote, and the other is asked',
    where: 'preparing: one branch is prepared, the other says that it only read',
    race: 'A branch that holds nothing must not make the one that does look finished.',
    kind: 'reading-along',
    trigger: { on: 'event', channel: 'branch', state: 'read-only' },
    ends: 'aborted',
    beside: aside,
    rightIs: 'postgres',
  },
  {
    name: 'only one branch wrote, and both are prepared',
    where: 'preparing: a server that can not tell has prepared a branch that only read',
    race: 'MariaDB rolls such a branch back when its session ends: it looks like a lost one.',
    kind: 'reading-along',
    trigger: { on: 'sent', statement: 'prepare', nth: 2 },
    killedWhen: 'both branches are prepared',
    ends: 'aborted',
    beside: aside,
    ofTheDatabase: true,
    rightIs: 'mariadb',
  },
]

/** From the durable decision on: every branch commits, whoever has to tell it. */
export const pointsAfterTheDecision: readonly CrashPoint[] = [
  {
    name: 'the decision is durable, no commit is sent',
    where: 'committing: no branch and no caller knows',
    race: 'Only the log knows: presuming abort here would break the promise.',
    kind: 'transfer',
    trigger: { on: 'event', channel: 'transaction', state: 'committing' },
    ends: 'committed',
    beside: aside,
    ofTheDatabase: true,
  },
  {
    name: 'the decision over nested parts is durable',
    where: 'committing: a nested part was kept and another undone',
    race: 'What a savepoint undid must stay undone when a stranger to it commits the branch.',
    kind: 'nested',
    trigger: { on: 'event', channel: 'transaction', state: 'committing' },
    ends: 'committed',
    beside: aside,
  },
  {
    name: 'the commit sent to one, its answer not read',
    where: 'committing: one branch has committed, the other was never told',
    race: 'The id is gone where it committed: gone must not be taken for lost, nor for aborted.',
    kind: 'transfer',
    trigger: { on: 'sent', statement: 'commit prepared' },
    killedWhen: 'one branch is left',
    ends: 'committed',
    beside: aside,
    ofTheDatabase: true,
  },
  {
    name: 'the commit sent to both, no answer read',
    where: 'committing: both have committed, and nobody knows',
    race: 'Recovery finds no branch at all, and must prove that both have committed.',
    kind: 'transfer',
    trigger: { on: 'sent', statement: 'commit prepared', nth: 2 },
    killedWhen: 'no branch is left',
    ends: 'committed',
    beside: aside,
    ofTheDatabase: true,
  },
  {
    name: 'one of two branches has acknowledged',
    where: 'committing: one acknowledgement is read, and is in no log',
    race: 'The branch that is done is told again.',
    kind: 'transfer',
    trigger: { on: 'event', channel: 'branch', state: 'ended' },
    ends: 'committed',
    beside: aside,
  },
  {
    name: 'all have acknowledged, the settlement is not noted',
    where: 'committed: the transaction is over, and the log says that it is not',
    race: 'Recovery delivers what is delivered, to branches that do not exist.',
    kind: 'transfer',
    trigger: { on: 'event', channel: 'transaction', state: 'committed' },
    ends: 'committed',
    beside: aside,
  },
  {
    name: 'the caller has been told',
    where: 'over: the settlement is noted lazily, and waits in memory',
    race: 'What a caller was told has to be what it finds after the crash.',
    kind: 'transfer',
    trigger: { on: 'told' },
    ends: 'committed',
    beside: aside,
  },
  {
    name: 'the rollback sent, its answer not read',
    where: 'rolling-back: the prepared branch is gone, and nobody knows',
    race: 'Recovery looks for a branch that has ended as it would have ended it.',
    kind: 'refused',
    trigger: { on: 'sent', statement: 'rollback prepared' },
    killedWhen: 'no branch is left',
    ends: 'aborted',
    beside: aside,
    ofTheDatabase: true,
  },
  {
    name: 'one branch wrote and one read, the decision is durable',
    where: 'committing: the reader is still open',
    race: 'The branch that only read is in no record, and its session has died with the worker.',
    kind: 'reading-along',
    trigger: { on: 'event', channel: 'transaction', state: 'committing' },
    ends: 'committed',
    beside: aside,
    ofTheDatabase: true,
  },
  {
    name: 'nothing was written anywhere',
    where: 'committing: no branch has anything to commit',
    race: 'A commit without a record and without work must leave nothing to recover.',
    kind: 'reading',
    trigger: { on: 'event', channel: 'transaction', state: 'committing' },
    ends: 'committed',
    mayBeUnknown: true,
  },
  {
    name: 'the one-phase commit is sent, its answer not read',
    where: 'committing-one-phase: the only branch has committed',
    race: 'Nothing is in the log, and `aborted` would be a lie: the answer is `unknown`.',
    kind: 'one-phase',
    trigger: { on: 'sent', statement: 'commit' },
    killedWhen: 'it is in the journal',
    ends: 'committed',
    mayBeUnknown: true,
    ofTheDatabase: true,
  },
  {
    name: 'the one-phase commit is acknowledged, the note not written',
    where: 'committed: the lazy record of the outcome waits in memory',
    race: 'The note may be lost, and must not be missed: the caller was not told yet.',
    kind: 'one-phase',
    trigger: { on: 'event', channel: 'transaction', state: 'committed' },
    ends: 'committed',
    mayBeUnknown: true,
  },
]

/** With a last resource: between its intent and the decision nothing may be presumed. */
export const pointsOfTheLastResource: readonly CrashPoint[] = [
  {
    name: 'the intent is durable, the last resource is not told',
    where: 'committing-last: the last resource has not committed',
    race: 'The log can not tell this from a commit whose answer was lost: it is held.',
    kind: 'transfer',
    lastResource: true,
    trigger: { on: 'event', channel: 'transaction', state: 'committing-last' },
    operatorSays: 'aborted',
    ends: 'aborted',
  },
  {
    name: 'the last resource has committed, its answer not read',
    where: 'committing-last: its commit carries the decision',
    race: 'Rolling the prepared branch back by presumption would tear the transaction apart.',
    kind: 'transfer',
    lastResource: true,
    trigger: { on: 'sent', statement: 'commit' },
    killedWhen: 'it is in the journal',
    operatorSays: 'committed',
    ends: 'committed',
    ofTheDatabase: true,
  },
  {
    name: 'the last resource has committed, the decision is not recorded',
    where: 'recording-decision: the coordinator knows, and its log does not',
    race: 'What the coordinator knew dies with it, and the prepared branch waits.',
    kind: 'transfer',
    lastResource: true,
    trigger: { on: 'event', channel: 'transaction', state: 'recording-decision' },
    operatorSays: 'committed',
    ends: 'committed',
  },
]

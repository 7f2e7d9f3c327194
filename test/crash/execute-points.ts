/**
 * The moments at which workers are killed whose work is given to `execute`: where a server can, the
 * whole branch and its vote are one message, and so are the commit of the only branch and the commit
 * that carries the decision.
 */
import {
  type CrashPoint,
  pointsAfterTheDecision,
  pointsBeforeTheDecision,
  pointsOfTheLastResource,
} from './crash-points.ts'
import { pointsOfTheCarrier } from './decision-points.ts'

/**
 * These are moments of a callback, of a reader that was not said to be one, or of a server that
 * prepares nothing where a statement failed.
 */
const ofCallbacks: readonly string[] = [
  'in the middle of the work',
  'only one branch wrote, and the other is asked',
  'only one branch wrote, and both are prepared',
  'nothing was written anywhere',
  'the rollback sent, its answer not read',
]

const own: readonly CrashPoint[] = [
  {
    name: named('a branch is prepared without its statement that failed'),
    where: 'preparing: the server did not stop at the failure, and nobody has read of it',
    race: 'What is prepared there is not the work that was asked for: nothing may commit it.',
    kind: 'refused',
    form: 'execute',
    trigger: { on: 'sent', statement: 'prepare', nth: 2 },
    killedWhen: 'both branches are prepared',
    ends: 'aborted',
    ofTheDatabase: true,
    rightIs: 'mariadb',
  },
  {
    name: named('a batch that only reads has ended with its vote'),
    where: 'preparing: one branch is over, the other is prepared, or about to be',
    race: 'The branch that is over must not make the one that wrote look committed.',
    kind: 'reading-along',
    form: 'execute',
    trigger: { on: 'event', channel: 'branch', state: 'ended' },
    ends: 'aborted',
    ofTheDatabase: true,
    rightIs: 'postgres',
  },
]

export const pointsByExecute: readonly CrashPoint[] = [
  ...own,
  ...byExecute([...pointsBeforeTheDecision, ...pointsAfterTheDecision, ...pointsOfTheLastResource]),
]

/** What the one message does to a branch; from the decision on there is little that differs. */
const inShort: readonly string[] = [
  ...own.map(({ name }) => name),
  ...[
    'between PREPARE of one and of the other',
    'PREPARE sent to both, no answer read',
    'one branch voted no, the other is not told',
    'the decision is durable, no commit is sent',
    'the decision over nested parts is durable',
    'the commit sent to one, its answer not read',
    'the one-phase commit is sent, its answer not read',
    'the last resource has committed, its answer not read',
  ].map(named),
]

/** For the short run over every pair of databases. */
export const shortByExecute: readonly CrashPoint[] = pointsByExecute.filter(({ name }) =>
  inShort.includes(name),
)

export const pointsOfTheCarrierByExecute: readonly CrashPoint[] = byExecute(pointsOfTheCarrier)

/**
 * With nothing beside: a worker that stands still holds its locks, and the one message of the batch
 * would wait for them.
 */
function byExecute(points: readonly CrashPoint[]): CrashPoint[] {
  return points
    .filter(({ name }) => !ofCallbacks.includes(name))
    .map((point) => ({ ...point, name: named(point.name), form: 'execute', beside: 0 }))
}

function named(name: string): string {
  return `by execute: ${name}`
}

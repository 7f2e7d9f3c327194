/**
 * Whether a database can keep the promise of a prepared transaction (A5), asked on a connection of
 * our own and without any special right.
 */
import { messageOf } from '../../core/errors.ts'
import type { ParticipantPorts, ResourceCheck } from '../contract.ts'
import { within } from '../sql/deadline.ts'
import type { Identity } from '../sql/identity.ts'
import { fieldOf, type PgPool, type PgResult } from './driver.ts'
import { sqlStateOf } from './failures.ts'
import type { Asking } from './fate.ts'
import { readFingerprint } from './identity.ts'
import { type IsolationLevel, readIsolation, type Settings } from './options.ts'
import type { Reserve } from './reserve.ts'
import { takeSession } from './session.ts'
import { mayFinishFor, survey } from './sql.ts'

export const oldestVersion = 13

export interface Examined {
  readonly check: ResourceCheck
  /** What transactions get that ask for no isolation; known once the database is ready. */
  readonly isolation: IsolationLevel | undefined
}

export interface Examination {
  readonly pool: PgPool<unknown>
  readonly reserve: Reserve
  readonly identity: Identity
  readonly settings: Settings
  readonly ports: ParticipantPorts
}

type Refusal = ResourceCheck & { readonly status: 'refused' }

/** Never rejects; bounded by the reserve's limits. */
export async function examine(examination: Examination): Promise<Examined> {
  try {
    return await examination.reserve.run((connection) => look(connection, examination))
  } catch (cause) {
    const state = sqlStateOf(cause)
    // Rights and functions do not come back by themselves.
    if (state === '42501' || state === '42883') return refusing(noIdentity(messageOf(cause)))
    return { check: { status: 'unavailable', cause }, isolation: undefined }
  }
}

async function look(connection: Asking, examination: Examination): Promise<Examined> {
  const { identity, settings } = examination
  const found = await connection.send(survey)
  const refusal = judge(found, settings)
  if (refusal !== undefined) return refusing(refusal)
  if (fieldOf(found, 'standby') === 'true') {
    const cause = new Error('the server is in recovery (a standby, or not promoted yet)')
    return { check: { status: 'unavailable', cause }, isolation: undefined }
  }
  const fingerprint = await readFingerprint(connection)
  const divergence =
    settings.recovery === undefined
      ? undefined
      : await compareWithPool(connection, fingerprint, examination)
  if (divergence !== undefined) return refusing(divergence)
  identity.establish(fingerprint)
  const slots = Number(fieldOf(found, 'slots'))
  return {
    check: {
      status: 'ready',
      fingerprint,
      preparedLimit: settings.lastResource ? undefined : slots,
    },
    isolation: readIsolation(fieldOf(found, 'isolation') ?? 'read committed'),
  }
}

function judge(found: readonly PgResult[], settings: Settings): Refusal | undefined {
  const version = Math.floor(Number(fieldOf(found, 'version')) / 10_000)
  if (!(version >= oldestVersion)) {
    return refuse(
      `the server is PostgreSQL ${fieldOf(found, 'versionName')}`,
      `Use PostgreSQL ${oldestVersion} or newer.`,
    )
  }
  if (!settings.lastResource && Number(fieldOf(found, 'slots')) === 0) {
    const connections = fieldOf(found, 'connections')
    return refuse(
      'max_prepared_transactions is 0, so PostgreSQL can not prepare a transaction',
      `Run ALTER SYSTEM SET max_prepared_transactions = ${connections} (as many as ` +
        'max_connections) and restart the server; or pass `lastResource: true`, for at most one ' +
        'such database in a transaction.',
    )
  }
  if (fieldOf(found, 'fsync') !== 'on' && !settings.allowFsyncOff) {
    return refuse(
      'fsync is off, so a crash of the server can lose what it said it had prepared',
      'Run ALTER SYSTEM SET fsync = on and reload the server; or pass ' +
        "`allowUnsafe: ['fsync-off']` where losing data is accepted.",
    )
  }
  return undefined
}

/** The connections of our own come from elsewhere: they must reach what the pool reaches. */
async function compareWithPool(
  connection: Asking,
  fingerprint: string,
  { pool, ports, settings }: Examination,
): Promise<Refusal | undefined> {
  const session = await takeSession(pool, ports, settings.answerTimeoutMs)
  try {
    const asking = (async () => ({
      inPool: await readFingerprint(session),
      role: fieldOf(await session.send('select current_user::text as role'), 'role'),
    }))()
    const { inPool, role } = await within(
      ports.timers,
      settings.answerTimeoutMs,
      'an answer of the server',
      asking,
    )
    session.giveBack()
    if (inPool !== fingerprint) {
      return refuse(
        `the pool reaches ${inPool}, and its \`recovery\` reaches ${fingerprint}`,
        'Point both at the same database of the same server.',
      )
    }
    const answer = await connection.ask(mayFinishFor, [role])
    if (fieldOf(answer, 'may') === 'true') return undefined
    return refuse(
      `the role of \`recovery\` may not finish what the role ${role} of the pool prepares`,
      `Run GRANT ${fieldOf(answer, 'role')} TO ${fieldOf(answer, 'own')}; or connect both as the ` +
        'same role, or `recovery` as a superuser.',
    )
  } catch (error) {
    session.destroy(error)
    throw error
  }
}

/**
 * Nothing else is both stable and unique: addresses change, names and oids repeat in other clusters,
 * and with a wrong fingerprint a decision could be dropped as done.
 */
function noIdentity(answer: string): Refusal {
  return refuse(
    `the server's identity can not be read: ${answer}`,
    'Run GRANT EXECUTE ON FUNCTION pg_control_system() TO the role of the pool.',
  )
}

function refuse(problem: string, cure: string): Refusal {
  return { status: 'refused', problem, cure }
}

function refusing(check: Refusal): Examined {
  return { check, isolation: undefined }
}

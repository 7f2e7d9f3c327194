/**
 * The schema of a configuration. It is the one place that knows zod: `assent` itself must load
 * nothing that it does not need. The JSON Schema for editors is made from it.
 */
import * as z from 'zod'
import { defaultSettings, type Settings } from '../coordinator/settings.ts'
import type { Configuration } from './configuration.ts'

const longestMs = 2_147_483_647

function said<Schema extends z.ZodType>(schema: Schema, description: string): Schema {
  return schema.meta({ description })
}

function text(error: string, form: RegExp): z.ZodString {
  return z.string({ error }).regex(form, { error })
}

function whole(min: number, max: number): z.ZodNumber {
  const error = `must be a whole number from ${min} to ${max}`
  return z.number({ error }).int({ error }).min(min, { error }).max(max, { error })
}

function milliseconds(): z.ZodNumber {
  const error = `must be a number of milliseconds above 0 and at most ${longestMs}`
  return z.number({ error }).positive({ error }).max(longestMs, { error })
}

function yesOrNo(): z.ZodBoolean {
  return z.boolean({ error: 'must be true or false' })
}

function listOf<Item extends z.ZodType>(item: Item, error: string): z.ZodArray<Item> {
  return z.array(item, { error })
}

const fromEnvironment = z.strictObject({
  env: text('must be the name of an environment variable', /^[A-Za-z_][A-Za-z0-9_]*$/),
})

const secretText = said(
  z.union([z.string().min(1), fromEnvironment], {
    error: 'must be a URL, or { "env": "NAME" } for one that is kept in an environment variable',
  }),
  'A URL, or the environment variable that holds it: { "env": "ORDERS_URL" }.',
)

const isolationLevels = [
  'read uncommitted',
  'read committed',
  'repeatable read',
  'serializable',
] as const

const database = {
  url: secretText,
  poolSize: said(whole(1, 10_000), 'Connections of the pool at most; default 10.').optional(),
  recovery: said(
    z.strictObject({ url: secretText }, { error: 'must be { "url": ... }' }),
    "Where connections of Assent's own come from; by default as the pool's.",
  ).optional(),
  recoveryConnections: said(whole(1, 100), 'How many of them at most; default 2.').optional(),
  answerTimeoutMs: said(
    whole(1, 600_000),
    "How long one answer is waited for, outside the application's work; default 10,000.",
  ).optional(),
  lastResource: said(yesOrNo(), 'The database takes part without preparing.').optional(),
  defaultIsolation: z
    .enum(isolationLevels, { error: `must be one of ${isolationLevels.join(', ')}` })
    .optional(),
}

const postgres = z.strictObject({
  kind: z.literal('postgres'),
  ...database,
  allowUnsafe: said(
    listOf(z.enum(['fsync-off'], { error: "must be 'fsync-off'" }), "must be ['fsync-off']"),
    'Dangers that are accepted by name; for tests.',
  ).optional(),
  keepStatements: said(
    yesOrNo(),
    'Whether sessions keep the statements that are sent again and again; default true.',
  ).optional(),
  decisionSchema: said(
    text('must be a name of a-z, 0-9 and _, not pg_...', /^(?!pg_)[a-z_][a-z0-9_]{0,62}$/),
    'The schema of the tables that keep decisions; default assent.',
  ).optional(),
})

const mysqlDangers = ['unflushed-log', 'unsynced-binlog'] as const
const mysqlDangersError = `must be one of ${mysqlDangers.join(', ')}`

const mysql = z.strictObject({
  kind: z.literal('mysql'),
  ...database,
  allowUnsafe: said(
    listOf(z.enum(mysqlDangers, { error: mysqlDangersError }), 'must be a list of dangers'),
    'Dangers that are accepted by name; for tests.',
  ).optional(),
  serverIdentity: said(
    text('must be 1 to 60 letters, digits and any of . : _ -', /^[\w.:-]{1,60}$/),
    'What tells this server from every other, where what it says of itself changes.',
  ).optional(),
})

const resource = z.discriminatedUnion('kind', [postgres, mysql], {
  error: (issue) =>
    issue.code === 'invalid_union'
      ? "must be 'postgres' or 'mysql', which is MariaDB's too"
      : 'must be an object',
})

const resourceName = /^(?!tx$)[A-Za-z_][A-Za-z0-9_-]{0,62}$/
const resourceNameError =
  'is no name of a resource: 1 to 63 letters, digits, _ or -, beginning with a letter or _, not tx'

/** A count, a time, or a time that may be none at all: as `settingsFrom` has them. */
function settingSchema(name: keyof Settings): z.ZodNumber {
  if (name === 'maxActive' || name === 'maxPrepared') return whole(1, longestMs)
  if (name !== 'settleWaitMs') return milliseconds()
  const error = `must be a number of milliseconds from 0 to ${longestMs}`
  return z.number({ error }).min(0, { error }).max(longestMs, { error })
}

const settings = Object.fromEntries(
  Object.entries(defaultSettings).map(([name, byDefault]) => [
    name,
    said(settingSchema(name as keyof Settings), `Default ${byDefault}.`).optional(),
  ]),
) as { [Name in keyof Settings]: z.ZodOptional<z.ZodNumber> }

const schema = z
  .strictObject(
    {
      $schema: z.string().optional(),
      name: said(
        text('must be 1 to 20 of a-z, 0-9 and -', /^[a-z0-9-]{1,20}$/),
        'What this installation is called; part of every id.',
      ),
      log: said(
        text('must be the path of a directory that lasts, such as ./transactions', /./),
        'The directory of the decision log, from where this file is; or else `decisions`.',
      ).optional(),
      decisions: said(
        z.strictObject(
          {
            in: z.string({ error: 'must be the name of a resource' }),
            create: said(
              yesOrNo(),
              'Makes the tables where they are missing; default false.',
            ).optional(),
          },
          { error: 'must be { "in": ..., "create": ... }' },
        ),
        'The resource in whose database the decisions are kept, where the disk does not last.',
      ).optional(),
      resources: said(
        z
          .record(text(resourceNameError, resourceName), resource, {
            error: 'must be an object that names at least one resource',
          })
          .meta({ minProperties: 1 }),
        'The databases, by the names that transactions use.',
      ),
      acceptChanged: said(
        listOf(z.string(), 'must be a list of names of resources'),
        'Resources whose database was replaced on purpose.',
      ).optional(),
      slots: said(
        whole(1, 1_000),
        'How many processes may share the log directory; default 64.',
      ).optional(),
      retention: said(
        z.strictObject(
          {
            ms: z.number().min(0, { error: 'must be 0 or more' }).optional(),
            bytes: whole(0, Number.MAX_SAFE_INTEGER).optional(),
          },
          { error: 'must be { "ms": ..., "bytes": ... }' },
        ),
        'How long outcomes can be asked for; default 24 hours, within 64 MiB.',
      ).optional(),
      controlSocket: said(
        yesOrNo(),
        'Whether `assent` can ask the processes; default true.',
      ).optional(),
      ...settings,
      doctor: said(
        z.strictObject({
          limitMs: said(milliseconds(), 'For each part of the examination.').optional(),
          strangerAgeMs: said(milliseconds(), 'Others may prepare for so long.').optional(),
          ownAgeMs: said(milliseconds(), 'We may prepare for so long.').optional(),
          clockSkewMs: said(milliseconds(), 'Clocks may differ by so much.').optional(),
        }),
        'The limits of `assent doctor`.',
      ).optional(),
    },
    { error: 'must be an object, such as defineConfig takes' },
  )
  .meta({
    title: 'Configuration of Assent',
    // One of the two says where the decisions are kept; `load.ts` checks it, in words of its own.
    oneOf: [{ required: ['log'] }, { required: ['decisions'] }],
  })

/** The type that people read, and the schema that checks, say the same: the compiler holds it. */
const typed: z.ZodType<Configuration, Configuration> = schema

export type Issue = z.core.$ZodIssue

/** The configuration, or everything that is wrong with it. */
export function parseConfiguration(
  given: unknown,
): { readonly configuration: Configuration } | { readonly issues: readonly Issue[] } {
  const result = typed.safeParse(given)
  return result.success ? { configuration: result.data } : { issues: result.error.issues }
}

/** The keys that an object at `path` may have, for whoever mistyped one. */
export function keysAt(path: readonly PropertyKey[], given: unknown): string[] {
  const [top, , below] = path
  const shapes: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
    decisions: schema.shape.decisions.unwrap().shape,
    retention: schema.shape.retention.unwrap().shape,
    doctor: schema.shape.doctor.unwrap().shape,
  }
  if (top === undefined) return Object.keys(schema.shape)
  if (top !== 'resources') return Object.keys(shapes[String(top)] ?? {})
  if (below === 'recovery' && path.length === 3) return ['url']
  if (below !== undefined) return ['env']
  const kind = (given as { readonly kind?: unknown } | undefined)?.kind
  return Object.keys(kind === 'mysql' ? mysql.shape : postgres.shape)
}

/** The schema for editors: `docs/reference/assent.config.schema.json` is this, and a test holds it. */
export function jsonSchema(): object {
  return z.toJSONSchema(schema, { io: 'input' })
}

/** What `assent.config.ts`, `.js`, `.mjs` or `.json` says. The schema beside it checks the same. */
import type { Settings } from '../coordinator/settings.ts'
import type { DoctorOptions } from '../doctor/options.ts'

/** A text that is kept in an environment variable: what is secret is never in the file. */
export interface FromEnvironment {
  readonly env: string
}

export type SecretText = string | FromEnvironment

interface DatabaseConfiguration {
  /** Where it is, and as whom: `{ env: 'ORDERS_URL' }`, or a URL without a password. */
  readonly url: SecretText
  /** How many connections the pool has at most; default 10. */
  readonly poolSize?: number | undefined
  /** Where connections of Assent's own come from; by default they are made as the pool's are. */
  readonly recovery?: { readonly url: SecretText } | undefined
  /** How many connections of our own there are at most; default 2. */
  readonly recoveryConnections?: number | undefined
  /** How long one answer is waited for, outside the application's work; default 10,000. */
  readonly answerTimeoutMs?: number | undefined
  /** The database takes part without preparing: at most one such in a transaction. */
  readonly lastResource?: boolean | undefined
  /** The isolation of transactions that ask for none. */
  readonly defaultIsolation?:
    | 'read uncommitted'
    | 'read committed'
    | 'repeatable read'
    | 'serializable'
    | undefined
}

export interface PostgresConfiguration extends DatabaseConfiguration {
  readonly kind: 'postgres'
  /** Dangers that are accepted by name. */
  readonly allowUnsafe?: readonly 'fsync-off'[] | undefined
  /** Whether sessions keep the statements that are sent again and again; default true. */
  readonly keepStatements?: boolean | undefined
  /** The schema of the tables that keep decisions; default `assent`. */
  readonly decisionSchema?: string | undefined
}

/** MariaDB too. */
export interface MysqlConfiguration extends DatabaseConfiguration {
  readonly kind: 'mysql'
  /** Dangers that are accepted by name. */
  readonly allowUnsafe?: readonly ('unflushed-log' | 'unsynced-binlog')[] | undefined
  /** What tells this server from every other, where what it says of itself changes. */
  readonly serverIdentity?: string | undefined
}

export type ResourceConfiguration = PostgresConfiguration | MysqlConfiguration

/** The coordinator's numbers, by the names that `openCoordinator` has for them. */
type SettingsConfiguration = {
  readonly [Name in keyof Settings]?: Settings[Name] | undefined
}

export interface Configuration<Name extends string = string> extends SettingsConfiguration {
  /** Where the JSON Schema is, for editors. */
  readonly $schema?: string | undefined
  /** What this installation is called: `[a-z0-9-]`, at most 20 characters. */
  readonly name: string
  /**
   * The directory of the decision log; from where the file is, not from where a program runs. Either
   * this or `decisions` says where the decisions are kept.
   */
  readonly log?: string | undefined
  /** Keeps the decisions in the database of the resource `in`; `create` makes the tables there. */
  readonly decisions?: { readonly in: Name; readonly create?: boolean | undefined } | undefined
  /** By the names that transactions use. */
  readonly resources: { readonly [Each in Name]: ResourceConfiguration }
  /** Names whose database was replaced on purpose. */
  readonly acceptChanged?: readonly string[] | undefined
  /** How many processes may share the log directory; default 64. */
  readonly slots?: number | undefined
  /** How long, and in how many bytes, outcomes are kept; default 24 hours and 64 MiB. */
  readonly retention?:
    | { readonly ms?: number | undefined; readonly bytes?: number | undefined }
    | undefined
  /** Whether the program `assent` can ask the application's processes; default true. */
  readonly controlSocket?: boolean | undefined
  /** The limits of the doctor. */
  readonly doctor?:
    | { readonly [Name in keyof DoctorOptions]?: DoctorOptions[Name] | undefined }
    | undefined
}

/**
 * Gives an editor the types of a configuration; answers what it was given.
 *
 * @example
 * export default defineConfig({
 *   name: 'shop',
 *   log: './transactions',
 *   resources: { orders: { kind: 'postgres', url: { env: 'ORDERS_URL' } } },
 * })
 */
export function defineConfig<Name extends string>(
  configuration: Configuration<Name>,
): Configuration<Name> {
  return configuration
}

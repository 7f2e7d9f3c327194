/** A database of the demo, of whatever kind: what the run, and its worker, ask of it. */
import type { Participant, ResourceCheck } from '../../participants/contract.ts'
import type { PostgresServer } from '../postgres-server/server.ts'
import type { Side } from './plan.ts'

export type DatabaseKind = 'postgres' | 'mysql'

export interface Answer {
  readonly rows: readonly Readonly<Record<string, unknown>>[]
  /** How many rows a statement has changed. */
  readonly changed: number
}

/** A text with `?` for its values, and those. */
export type Statement = readonly [text: string, values: readonly unknown[]]

export interface Queries {
  /** Values stand in the text as `?`, whatever the kind of database. */
  query(text: string, values?: readonly unknown[]): Promise<Answer>
}

/** How the tables of a bank are called. */
export interface Tables {
  readonly account: string
  readonly journal: string
  readonly attempt: string
}

/** What a kind of database calls things, and how its driver is spoken to. */
export interface Dialect {
  tables(bank: string): Tables
  /** A statement with `?` for its values, as the driver wants it. */
  write(text: string): string
  read(reply: unknown): Answer
}

/** A pool of connections, or a branch's client. */
export interface Client {
  query(text: string, values?: unknown[]): Promise<unknown>
}

/** A worker's sessions, by what servers tell of a session. */
export interface WorkerSessions {
  readonly applicationName: string
  /** The numbers that the server gave them; empty where it is told names. */
  readonly numbers: readonly number[]
}

/** A database as the run itself uses it. */
export interface Database extends Queries {
  readonly side: Side
  readonly kind: DatabaseKind
  readonly url: string
  /** For people: without the password of a database that is the user's. */
  readonly shownUrl: string
  /** Undefined for a database that is the user's: it is never killed. */
  readonly server: PostgresServer | undefined
  tables(bank: string): Tables
  /** Where the tables of a bank are, in words. */
  placeOf(bank: string): string
  /** Makes the tables, none of which may exist, and opens the accounts; or leaves nothing. */
  openBank(bank: string): Promise<void>
  /** Rejects when a prepared branch holds on to it: then it must stay, with the branch. */
  dropBank(bank: string): Promise<void>
  /** The ids of what is prepared in this database, and by whomever. */
  prepared(): Promise<readonly string[]>
  /** How many sessions of a killed worker the server has not noticed to be gone. */
  sessionsOf(worker: WorkerSessions): Promise<number>
  /** Whether it can keep the promise of a prepared branch, as the library judges it. */
  check(): Promise<ResourceCheck>
  end(): Promise<void>
}

/** A database as the worker uses it: as a participant, and for notes beside its transactions. */
export interface WorkerDatabase {
  readonly participant: Participant<Client>
  readonly tables: Tables
  readonly notes: Queries
  /** A branch's client. */
  within(client: Client): Queries
  /** A statement as the driver wants it. */
  write(text: string): string
  end(): Promise<void>
}

/** How a worker opens one. */
export interface WorkerDatabaseOptions {
  readonly url: string
  readonly bank: string
  readonly applicationName: string
  readonly connectionsMax: number
  readonly connectLimitMs: number
  /** Where one of PostgreSQL keeps decisions, if it does. */
  readonly decisionSchema: string
  /** Hears of each session, where the server knows them by number. */
  readonly onSession: (number: number) => void
}

export function queriesOf(dialect: Dialect, client: Client): Queries {
  return {
    query: async (text, values = []) =>
      dialect.read(await client.query(dialect.write(text), [...values])),
  }
}

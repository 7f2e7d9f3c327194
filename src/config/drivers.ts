/** The drivers: they are the user's, and loaded only where a configuration needs them. */
import { codeOf } from '../core/errors.ts'
import { invalid } from './load.ts'

/** A pool, as far as a configuration is concerned. */
export interface ConfiguredPool {
  end(): Promise<unknown>
}

interface PostgresDriver {
  readonly Pool: new (
    config: object,
  ) => ConfiguredPool & {
    on(event: 'error', listener: () => void): unknown
  }
}

interface MysqlDriver {
  createPool(config: object): ConfiguredPool
}

/** Rejects with `ASSENT_INVALID_OPTION`, which says what to install. */
export async function loadPostgres(resource: string): Promise<PostgresDriver> {
  return (await load(resource, 'pg', () => import('pg'))) as PostgresDriver
}

/** Rejects with `ASSENT_INVALID_OPTION`, which says what to install. */
export async function loadMysql(resource: string): Promise<MysqlDriver> {
  return (await load(resource, 'mysql2', () => import('mysql2/promise'))) as MysqlDriver
}

async function load(
  resource: string,
  name: string,
  importIt: () => Promise<{ readonly default: unknown }>,
): Promise<unknown> {
  try {
    return (await importIt()).default
  } catch (cause) {
    if (codeOf(cause) !== 'ERR_MODULE_NOT_FOUND') throw cause
    const option = `resources.${resource}.kind`
    throw invalid(option, `${option} needs the driver ${name}: npm install ${name}`, cause)
  }
}

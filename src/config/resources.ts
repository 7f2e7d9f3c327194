/** Makes the pools and participants that a configuration names. Nothing connects yet. */
import type { Participant } from '../participants/contract.ts'
import { mysql } from '../participants/mysql/participant.ts'
import { postgres } from '../participants/postgres/participant.ts'
import type { MysqlConfiguration, PostgresConfiguration } from './configuration.ts'
import { type ConfiguredPool, loadMysql, loadPostgres } from './drivers.ts'
import type { LoadedConfiguration } from './load.ts'
import { type Environment, urlAt } from './secret.ts'

const poolSizeDefault = 10
const recoveryConnectionsDefault = 2

export interface OpenedResources {
  readonly participants: ReadonlyMap<string, Participant>
  readonly pools: ReadonlyMap<string, ConfiguredPool>
  /** Ends every pool; a database that hangs keeps nobody waiting longer than `limitMs`. */
  end(limitMs: number): Promise<void>
}

interface Made {
  readonly participant: Participant
  readonly pool: ConfiguredPool
  /** Where connections of our own come from, where that is another pool. */
  readonly recovery: ConfiguredPool | undefined
}

/** Throws `ASSENT_INVALID_OPTION`: a variable is not set, or a driver is not installed. */
export async function openResources(
  loaded: LoadedConfiguration,
  environment: Environment,
): Promise<OpenedResources> {
  const { resources } = loaded.configuration
  const readUrls = Object.entries(resources).map(([name, resource]) => {
    const { kind, url, recovery } = resource
    const at = (key: string, text: typeof url): string =>
      urlAt(loaded, `resources.${name}.${key}`, { kind, text }, environment).reveal()
    return { url: at('url', url), recoveryUrl: recovery && at('recovery.url', recovery.url) }
  })
  const made = await Promise.all(
    Object.entries(resources).map(async ([name, resource], index): Promise<[string, Made]> => {
      const urls = readUrls[index] as Urls
      return [
        name,
        resource.kind === 'postgres'
          ? await makePostgres(name, resource, urls)
          : await makeMysql(name, resource, urls),
      ]
    }),
  )
  const all = made.flatMap(([, { pool, recovery }]) => [pool, ...(recovery ? [recovery] : [])])
  return {
    participants: new Map(made.map(([name, { participant }]) => [name, participant])),
    pools: new Map(made.map(([name, { pool }]) => [name, pool])),
    end: (limitMs) => withinLimit(limitMs, Promise.allSettled(all.map((pool) => pool.end()))),
  }
}

interface Urls {
  readonly url: string
  readonly recoveryUrl: string | undefined
}

async function makePostgres(
  name: string,
  configuration: PostgresConfiguration,
  urls: Urls,
): Promise<Made> {
  const { kind: _, url: __, ...rest } = configuration
  const driver = await loadPostgres(name)
  const open = (connectionString: string, max: number): ConfiguredPool => {
    const pool = new driver.Pool({ connectionString, max })
    // An idle connection that dies is not the end of the program.
    pool.on('error', () => undefined)
    return pool
  }
  return madeOf(rest, urls, open, postgres as Make)
}

async function makeMysql(
  name: string,
  configuration: MysqlConfiguration,
  urls: Urls,
): Promise<Made> {
  const { kind: _, url: __, ...rest } = configuration
  const driver = await loadMysql(name)
  // The driver knows the one protocol of both by the one name.
  const open = (uri: string, connectionLimit: number): ConfiguredPool =>
    driver.createPool({ uri: uri.replace(/^mariadb:/, 'mysql:'), connectionLimit })
  return madeOf(rest, urls, open, mysql as Make)
}

/** A participant's maker, whatever the driver's types are. */
type Make = (pool: never, options: never) => Participant

function madeOf(
  configuration: Omit<PostgresConfiguration | MysqlConfiguration, 'kind' | 'url'>,
  { url, recoveryUrl }: Urls,
  open: (url: string, size: number) => ConfiguredPool,
  make: Make,
): Made {
  const { poolSize = poolSizeDefault, recovery: _, ...rest } = configuration
  const pool = open(url, poolSize)
  const ownSize = rest.recoveryConnections ?? recoveryConnectionsDefault
  const recovery = recoveryUrl === undefined ? undefined : open(recoveryUrl, ownSize)
  const options = { ...given(rest), ...(recovery && { recovery }) }
  return { participant: make(pool as never, options as never), pool, recovery }
}

type Given<Options> = { [Name in keyof Options]?: Exclude<Options[Name], undefined> }

/** What was written; a key that was left out must not stand as undefined. */
export function given<Options extends object>(options: Options): Given<Options> {
  const entries = Object.entries(options).filter(([, value]) => value !== undefined)
  return Object.fromEntries(entries) as Given<Options>
}

async function withinLimit(limitMs: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const limit = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, limitMs)
  })
  await Promise.race([work, limit])
  clearTimeout(timer)
}

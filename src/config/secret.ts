/** Secrets: read from the environment when they are needed, and never printed. */
import type { ResourceConfiguration, SecretText } from './configuration.ts'
import { invalid, type LoadedConfiguration } from './load.ts'

export type Environment = Readonly<Record<string, string | undefined>>

/** A URL that says its password only to who asks for it by name. */
export class SecretUrl {
  readonly #url: string

  constructor(url: string) {
    this.#url = url
  }

  /** With the password in it. */
  reveal(): string {
    return this.#url
  }

  /** For people: where it is, and as whom, without what is secret. */
  toString(): string {
    const shown = new URL(this.#url)
    if (shown.password !== '') shown.password = '***'
    for (const name of [...shown.searchParams.keys()]) shown.searchParams.set(name, '***')
    return shown.href
  }

  toJSON(): string {
    return this.toString()
  }
}

const protocols: Readonly<Record<ResourceConfiguration['kind'], readonly string[]>> = {
  postgres: ['postgres:', 'postgresql:'],
  mysql: ['mysql:', 'mariadb:'],
}

/** Throws `ASSENT_INVALID_OPTION`, which names the file, the key and the variable. */
export function urlAt(
  { file }: LoadedConfiguration,
  key: string,
  { kind, text }: { readonly kind: ResourceConfiguration['kind']; readonly text: SecretText },
  environment: Environment,
): SecretUrl {
  const variable = typeof text === 'string' ? undefined : text.env
  const url = typeof text === 'string' ? text : environment[text.env]
  if (url === undefined || url === '') {
    throw invalid(
      key,
      `${file}: ${key} is in the environment variable ${variable}, which is not set`,
    )
  }
  const expected = protocols[kind]
  const whose = variable === undefined ? key : `${key}, the environment variable ${variable},`
  if (URL.canParse(url) && expected.includes(new URL(url).protocol)) return new SecretUrl(url)
  throw invalid(key, `${file}: ${whose} must be a URL such as ${expected[0]}//user@host/database`)
}

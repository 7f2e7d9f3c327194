/** Passwords that stand in the configuration file itself: found, and never printed. */
import { readFile } from 'node:fs/promises'
import { extname } from 'node:path'
import { type Finding, findingAt } from '../core/findings.ts'
import type { LoadedConfiguration } from './load.ts'

/** A module may have made its URLs of what is not in the file: only what is written there counts. */
export async function findClearSecrets(loaded: LoadedConfiguration): Promise<Finding[]> {
  const text = await readFile(loaded.file, 'utf8')
  const isData = extname(loaded.file) === '.json'
  return Object.entries(loaded.configuration.resources).flatMap(([name, resource]) => {
    const urls = { url: resource.url, 'recovery.url': resource.recovery?.url }
    return Object.entries(urls).flatMap(([key, url]) => {
      if (typeof url !== 'string') return []
      const secrets = secretsIn(url)
      if (secrets.length === 0 || !(isData || secrets.some((each) => text.includes(each))))
        return []
      const found = `resources.${name}.${key} has a password in it, in ${loaded.file}`
      const variable = `${name}_${key}`.replaceAll(/[^A-Za-z0-9]/g, '_').toUpperCase()
      const command = `url: { env: '${variable}' }  // in the place of the URL`
      return [findingAt(name, { id: 'secret-in-file', found, command })]
    })
  })
}

/** As they are written there: `user:password@`, and what drivers take as parameters. */
function secretsIn(url: string): string[] {
  const password = /^[^/]*:\/\/[^/?#]*?(:[^/?#@]+@)/.exec(url)?.[1]
  const parameters = url.matchAll(/[?&]((?:ssl)?password=[^&#]+)/gi)
  return [
    ...(password === undefined ? [] : [password]),
    ...[...parameters].map(([, each]) => each),
  ].filter((each) => each !== undefined)
}

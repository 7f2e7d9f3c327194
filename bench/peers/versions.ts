/** Which versions of the peers are built, as the build says. */
import { readFile } from 'node:fs/promises'
import { pomFile } from './build.ts'

/** By what each is called: its artifact, in Maven's words. */
const artifacts = {
  Narayana: 'narayana-jta',
  "Artemis' journal": 'artemis-journal',
  Atomikos: 'transactions-jta',
  'PostgreSQL JDBC': 'postgresql',
} as const

export async function peerVersions(): Promise<Readonly<Record<string, string>>> {
  const pom = await readFile(pomFile, 'utf8')
  return Object.fromEntries(
    Object.entries(artifacts).map(([name, artifact]) => [name, versionIn(pom, artifact)]),
  )
}

function versionIn(pom: string, artifact: string): string {
  const form = new RegExp(`<artifactId>${artifact}</artifactId>\\s*<version>([^<]+)</version>`)
  const version = form.exec(pom)?.[1]
  if (version === undefined) throw new Error(`${pomFile} gives no version of ${artifact}`)
  return version
}

/**
 * Which database this is: the server, by what it says of itself, and the pool's default database.
 * XA COMMIT at another server answers XAER_NOTA, as for a branch that is done.
 */
import { type Asking, fieldOf } from './asking.ts'
import { flavourNames, readVariables, readVersion } from './server.ts'
import { currentDatabase, identity as identityText } from './sql.ts'

/** The setting that takes the place of what the server says. */
export interface IdentitySetting {
  readonly serverIdentity: string | undefined
}

export async function readFingerprint(
  connection: Asking,
  setting: IdentitySetting,
): Promise<string> {
  const { rows } = await connection.send(identityText)
  const database = fieldOf(await connection.send(currentDatabase), 'name') ?? ''
  return fingerprintOf(readVariables(rows), database, setting)
}

export function fingerprintOf(
  variables: ReadonlyMap<string, string>,
  database: string,
  { serverIdentity }: IdentitySetting,
): string {
  const { flavour } = readVersion(
    variables.get('version') ?? '',
    variables.get('version_comment') ?? '',
  )
  return `${flavourNames[flavour].toLowerCase()}/${serverIdentity ?? serverOf(variables)}/${database}`
}

/** MySQL's uuid is made with its data; MariaDB has the like of it only in newer releases. */
function serverOf(variables: ReadonlyMap<string, string>): string {
  const known = variables.get('server_uuid') ?? variables.get('server_uid')
  if (known !== undefined && known !== '') return known
  return ['hostname', 'port', 'datadir'].map((name) => variables.get(name) ?? '').join(':')
}

/** The Node that we need: types are stripped, and SQLite, which keeps the lock, is built in. */
import { AssentError } from '../core/errors.ts'

/** As in `engines` of package.json; a test keeps them equal. */
export const oldestNode = '22.18'

/** Throws `ASSENT_UNSUPPORTED_NODE` for a version that is too old. */
export function requireNode(version: string = process.versions.node): void {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const [oldestMajor = 0, oldestMinor = 0] = oldestNode.split('.').map(Number)
  if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)) return
  throw new AssentError(
    'ASSENT_UNSUPPORTED_NODE',
    `this is Node ${version}, and Assent needs ${oldestNode} or newer`,
    { version, oldest: oldestNode },
  )
}

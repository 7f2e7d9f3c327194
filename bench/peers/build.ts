/** The Java program of the peers: whether it can be built and run here, and building it. */
import { execFile } from 'node:child_process'
import { access, constants } from 'node:fs/promises'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)

const project: string = dirname(fileURLToPath(import.meta.url))
export const pomFile: string = join(project, 'pom.xml')
const javaVersionLeast = 17

export interface Java {
  readonly java: string
  readonly maven: string
  /** Java's, such as `17.0.12`. */
  readonly version: string
}

/** There is nothing to build or run the peers with; the message says what to install. */
export class JavaMissing extends Error {
  override readonly name = 'JavaMissing'
}

/** Maven and a JDK: JAVA_HOME's, or the first on the PATH. Rejects with `JavaMissing`. */
export async function locateJava(environment: NodeJS.ProcessEnv = process.env): Promise<Java> {
  const path = (environment.PATH ?? '').split(delimiter).filter((folder) => folder !== '')
  const home = environment.JAVA_HOME ?? ''
  const javaFolders = home === '' ? path : [join(home, 'bin')]
  const [java, javac, maven] = await Promise.all([
    find('java', javaFolders),
    find('javac', javaFolders),
    find('mvn', path),
  ])
  const missing = Object.entries({ java, javac, mvn: maven })
    .filter(([, found]) => found === undefined)
    .map(([name]) => `no ${name}`)
  if (java === undefined || maven === undefined || missing.length > 0) {
    throw new JavaMissing(
      `the peers are written in Java, and there is ${missing.join(', ')} here: install Maven and a ` +
        `JDK from version ${javaVersionLeast} (apt-get install maven default-jdk-headless)`,
    )
  }
  const version = await versionOf(java)
  if (Number.parseInt(version, 10) < javaVersionLeast) {
    throw new JavaMissing(
      `the peers need Java from version ${javaVersionLeast}, and ${java} is ${version}: ` +
        'install a newer JDK, or name it in JAVA_HOME',
    )
  }
  return { java, maven, version }
}

/** Builds the program, which takes what it needs from Maven's repository; answers its jar. */
export async function buildPeers({ maven }: Java): Promise<string> {
  try {
    await run(maven, ['--quiet', '--batch-mode', '--file', pomFile, 'package'])
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string }
    throw new Error(`Maven could not build the peers:\n${stdout}${stderr}`, { cause: error })
  }
  return join(project, 'dist', 'peers.jar')
}

async function versionOf(java: string): Promise<string> {
  const { stderr } = await run(java, ['-version'])
  return /version "(\d[^"]*)/.exec(stderr)?.[1] ?? '0'
}

async function find(program: string, folders: readonly string[]): Promise<string | undefined> {
  for (const folder of folders) {
    const path = join(folder, program)
    const isThere = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    )
    if (isThere) return path
  }
  return undefined
}

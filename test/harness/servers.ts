/**
 * What suites on real servers have in common, whatever the server: started when first asked for,
 * shared by the tests of a file, removed after it. Without a server the suite is skipped loudly;
 * `REQUIRE=postgres,...` turns the skip into a failure.
 */
import { after, describe, test } from 'node:test'

/** Of a server that was started for the tests, what the suite needs to know. */
interface OwnedServer {
  remove(): Promise<void>
}

/** The servers of one suite that the tests own. */
export class OwnedServers<Server extends OwnedServer> {
  readonly #started: Promise<Server>[] = []

  add(started: Promise<Server>): Promise<Server> {
    this.#started.push(started)
    return started
  }

  async remove(): Promise<void> {
    const servers = await Promise.allSettled(this.#started)
    await Promise.all(servers.map((each) => each.status === 'fulfilled' && each.value.remove()))
  }
}

/** Remembers what was made under a name. */
export class SharedByName<Value> {
  readonly #made = new Map<string, Value>()

  get(name: string, make: () => Value): Value {
    const known = this.#made.get(name)
    if (known !== undefined) return known
    const made = make()
    this.#made.set(name, made)
    return made
  }

  get size(): number {
    return this.#made.size
  }
}

/** A kind of server, as a suite asks for it. */
export interface ServerKind<Servers extends { close(): Promise<void> }> {
  /** As `REQUIRE` names it. */
  readonly required: string
  /** Why there is none to be had here, or undefined. Contains the name above. */
  readonly missing: string | undefined
  readonly make: () => Servers
}

/** Defines the suite if there are servers for it; else one test that is skipped, or that fails. */
export function suiteOnServers<Servers extends { close(): Promise<void> }>(
  name: string,
  kind: ServerKind<Servers>,
  define: (servers: Servers) => void,
): void {
  const { missing } = kind
  if (missing === undefined) {
    describe(name, () => {
      const servers = kind.make()
      after(() => servers.close())
      define(servers)
    })
    return
  }
  if ((process.env.REQUIRE ?? '').split(',').includes(kind.required)) {
    test(name, () => {
      throw new Error(`REQUIRE=${kind.required}, and ${missing}`)
    })
    return
  }
  process.stderr.write(`SKIPPED ${name}: ${missing}\n`)
  test(name, { skip: missing }, () => undefined)
}

/** Why there is no such server to be had here, or undefined. */
export function whyMissing(locate: () => Promise<unknown>): Promise<string | undefined> {
  return locate().then(
    () => undefined,
    (error: Error) => error.message,
  )
}

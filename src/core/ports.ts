/**
 * The ports: everything that the pure layers may ask of the world outside.
 *
 * `src/node` implements them over Node; `src/simulation` implements them from one seed. Nothing
 * else in the pure layers may know the time, draw a random number, touch a disk or set a timer:
 * that is what lets the simulator run the production code, and not a model of it.
 */

/** Time. Monotonic for intervals and deadlines; wall for what people and other processes read. */
export interface Clock {
  /** Milliseconds since an arbitrary start; never goes back, fractions allowed. */
  monotonicMs(): number
  /** Milliseconds since the Unix epoch; may jump. No protocol decision rests on it. */
  wallMs(): number
}

/** A timer that was set; opaque to all but the port that made it. */
export type Timer = { readonly timer: unique symbol }

export interface Timers {
  /** Calls `run` once, no earlier than `delayMs` milliseconds from now. */
  set(delayMs: number, run: () => void): Timer
  clear(timer: Timer): void
  /** Calls `run` once, behind whatever has arrived already and is not handled yet. */
  soon(run: () => void): void
}

export interface Random {
  /** A number in [0, 1): jitter and sampling. */
  fraction(): number
  /** Fills `bytes` from a source fit for identities (cryptographic in production). */
  fill(bytes: Uint8Array): void
}

/** Carries one value along a chain of asynchronous calls. */
export interface Context<Value> {
  run<Result>(value: Value | undefined, body: () => Result): Result
  get(): Value | undefined
}

/** Where state changes are published. `enabled` is asked first, so that silence costs nothing. */
export interface Events<Message> {
  readonly enabled: boolean
  publish(message: Message): void
}

/**
 * What the library needs of an `AbortSignal`; structural, because the pure layers know no platform.
 */
export interface Signal {
  readonly aborted: boolean
  readonly reason: unknown
  addEventListener(type: 'abort', listener: () => void, options?: { once?: boolean }): void
  removeEventListener(type: 'abort', listener: () => void): void
}

/** `AbortSignal` where the reader's platform has one: evaluated in the program that imports it. */
// biome-ignore lint/style/noRestrictedGlobals: a type of the reader's platform, not a use of ours.
export type PlatformSignal = typeof globalThis extends {
  AbortSignal: { prototype: infer Instance extends Signal }
}
  ? Instance
  : Signal

/** Makes a signal and the means to abort it. */
export type SignalSource = () => { readonly signal: PlatformSignal; abort(reason: unknown): void }

/** An open file; only one that was created may be written. Offsets and lengths are bytes. */
export interface DiskFile {
  size(): Promise<number>
  /** Reads up to `length` bytes at `offset`; shorter only at the end of the file. */
  read(offset: number, length: number): Promise<Uint8Array>
  /** Writes all of `bytes` at `offset`; readable at once, durable only after `sync`. */
  write(offset: number, bytes: Uint8Array): Promise<void>
  /** `write` and `sync` in one, for speed; the same holds after a failure. */
  writeThrough(offset: number, bytes: Uint8Array): Promise<void>
  /** Forces what was written to the medium (fdatasync). After a failure: never called again (A11). */
  sync(): Promise<void>
  close(): Promise<void>
}

/** A lock that the operating system releases when the process that holds it dies. */
export interface DiskLock {
  release(): Promise<void>
}

/**
 * The disk. A rejected promise carries an error with a `code` as Node's do (`ENOSPC`, `EIO`,
 * `ENOENT`, `EEXIST`, ...). Creation, renaming and removal are durable only after `syncDirectory`.
 */
export interface Disk {
  /** Names of the entries of a directory, sorted. Rejects with `ENOENT` where there is none. */
  list(directory: string): Promise<readonly string[]>
  /** Makes a directory and its parents, durable in theirs; also makes one durable that exists. */
  makeDirectory(directory: string): Promise<void>
  /** Opens an existing file, for reading only. */
  open(path: string): Promise<DiskFile>
  /** Creates a file that must not exist yet (`EEXIST`), for reading and writing. */
  create(path: string): Promise<DiskFile>
  rename(from: string, to: string): Promise<void>
  remove(path: string): Promise<void>
  syncDirectory(directory: string): Promise<void>
  /**
   * Takes the lock kept in `path` (made when missing), or answers undefined while another has it,
   * in this process or in any other. Rejects with `ENOLCK` where the file system has no locks.
   */
  lock(path: string): Promise<DiskLock | undefined>
}

/** Joins path segments; the pure layers write `/`, which every platform of Node accepts. */
export function joinPath(...segments: readonly string[]): string {
  return segments.join('/')
}

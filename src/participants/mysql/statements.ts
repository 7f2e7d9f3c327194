/**
 * What a statement would do to the branch's transaction or to its session, read off its text.
 *
 * The guard acts on it before anything is sent (A1: nobody but us ends a branch). It is a courtesy to
 * the user and to ORMs, not the proof: the server refuses in an XA transaction whatever would end it,
 * and its status is looked at after each answer.
 */
import { isolationLevels } from '../sql/isolation.ts'
import type { Modes, TransactionStatement } from '../sql/statement.ts'
import {
  holdsSeveral,
  isCall,
  nameAt,
  readLeading,
  type Token,
  wordAt,
  wordsOf,
} from '../sql/tokens.ts'
import { allTokens, Tokens } from './tokens.ts'

export type Statement =
  | TransactionStatement
  /** Commits the open transaction before it runs, and often after, too. */
  | { readonly kind: 'implicit-commit'; readonly words: string }
  | { readonly kind: 'consistent-snapshot' }
  | { readonly kind: 'set-autocommit' }
  /** Changes the server, for all its sessions and for good. */
  | { readonly kind: 'set-global' }
  /** Runs what stands elsewhere, or several statements; what that does only the server can tell. */
  | { readonly kind: 'opaque' }
  /** What outlives the transaction in its session, where no rollback reaches it. */
  | { readonly kind: 'temporary-table' }
  | { readonly kind: 'plain'; readonly changesSession: boolean }

const plain: Statement = { kind: 'plain', changesSession: false }
const sessionChange: Statement = { kind: 'plain', changesSession: true }
const temporary: Statement = { kind: 'temporary-table' }
const opaque: Statement = { kind: 'opaque' }

/** First words of statements that commit implicitly, whatever follows. */
const committing: ReadonlySet<string> = new Set([
  ...['alter', 'create', 'drop', 'rename', 'truncate'],
  ...['grant', 'revoke', 'install', 'uninstall'],
  ...['optimize', 'repair', 'flush', 'reset', 'backup', 'import', 'clone'],
  ...['stop', 'change', 'purge'],
])

/** Words that make a look at the whole text worth its time; most statements have none. */
const telling = /get_lock|release_lock|release_all_locks|into\s+@|:=/i
const lockCall = /^(?:get_lock|release_lock|release_all_locks)$/

/** @example readStatement('start transaction read only').kind // 'begin' */
export function readStatement(text: string): Statement {
  const lead = readLeading(new Tokens(text))
  const [first, second] = [wordAt(lead, 0), wordAt(lead, 1)]
  switch (first) {
    case 'begin':
      // MariaDB's compound statement; what it may do is the server's to refuse.
      if (second === 'not') return opaque
      return { kind: 'begin', tag: 'BEGIN', modes: readModes(lead.slice(1)) }
    case 'start':
      return readStart(lead)
    case 'commit':
      return { kind: 'commit', form: endForm(lead) }
    case 'rollback':
      return readRollback(lead)
    case 'savepoint':
      return { kind: 'savepoint', name: foldedNameAt(lead, 1) }
    case 'release':
      return { kind: 'release', name: foldedNameAt(lead, 2) }
    case 'xa':
      if (second === 'recover') return plain
      return { kind: 'two-phase', words: `XA ${(second ?? '').toUpperCase()}`.trim() }
    case 'set':
      return readSet(allTokens(text))
    case 'call':
    case 'execute':
      return opaque
    case 'use':
    case 'prepare':
    case 'deallocate':
    case 'handler':
      return sessionChange
    default:
      return readOther(first, second, lead) ?? (telling.test(text) ? readWhole(text) : plain)
  }
}

/** Whether a text holds more than one statement; empty ones do not count. */
export function isSeveral(text: string): boolean {
  const tokens = new Tokens(text)
  // Within BEGIN NOT ATOMIC ... END there are several; it is one all the same.
  return text.includes(';') && holdsSeveral(tokens)
}

/** Names of savepoints are the same in any case of their letters, quoted or not. */
function foldedNameAt(tokens: readonly Token[], index: number): string {
  return nameAt(tokens, index).toLowerCase()
}

function readStart(lead: readonly Token[]): Statement {
  if (wordAt(lead, 1) !== 'transaction') return implicitCommit(lead)
  if (/ with consistent snapshot\b/.test(wordsOf(lead))) return { kind: 'consistent-snapshot' }
  return { kind: 'begin', tag: 'START', modes: readModes(lead.slice(2)) }
}

function readOther(
  first: string | undefined,
  second: string | undefined,
  lead: readonly Token[],
): Statement | undefined {
  switch (first) {
    case undefined:
      return undefined
    case 'create':
    case 'drop': {
      const words = wordsOf(lead.slice(0, 5))
      if (/^\w+ (?:or replace )?temporary /.test(words)) return temporary
      return second === 'prepare' ? sessionChange : implicitCommit(lead)
    }
    case 'analyze':
    case 'check':
    case 'lock':
      // MariaDB's ANALYZE SELECT runs a statement and shows its plan.
      return /^(?:table|tables|view|instance|local|no_write_to_binlog)$/.test(second ?? '')
        ? implicitCommit(lead)
        : undefined
    case 'cache':
    case 'load':
      return second === 'index' ? implicitCommit(lead) : undefined
    default:
      return committing.has(first) ? implicitCommit(lead) : undefined
  }
}

function implicitCommit(lead: readonly Token[]): Statement {
  const words = wordsOf(lead.slice(0, 2)).replaceAll('?', '').toUpperCase().trim()
  return { kind: 'implicit-commit', words }
}

/** `COMMIT WORK`, `ROLLBACK AND NO CHAIN NO RELEASE`, ... and nothing that would begin or end more. */
function endForm(lead: readonly Token[]): 'plain' | 'unknown' {
  const known = /^\w+( work)?( and no chain)?( no release)?$/
  return known.test(wordsOf(lead)) ? 'plain' : 'unknown'
}

function readRollback(lead: readonly Token[]): Statement {
  const to = /^\w+( work)? to( savepoint)? \S/.exec(wordsOf(lead))
  if (to === null) return { kind: 'rollback', form: endForm(lead) }
  return { kind: 'rollback-to', name: foldedNameAt(lead, to[0].trim().split(' ').length - 1) }
}

/** `[WORK] [READ WRITE | READ ONLY]`; undefined where a mode is not known. */
function readModes(tokens: readonly Token[]): Modes | undefined {
  const words = wordsOf(tokens).replace(/^work\b\s*/, '')
  const access = /^(read write|read only)$/.exec(words)?.[1] as Modes['access']
  if (words !== '' && access === undefined) return undefined
  return { isolation: undefined, access, deferrable: false }
}

function readSet(tokens: readonly Token[]): Statement {
  const words = wordsOf(tokens)
  if (/^set transaction\b/.test(words)) {
    return { kind: 'set-transaction', modes: readCharacteristics(words) }
  }
  if (/^set (?:session|local|global) transaction\b/.test(words)) {
    return { kind: 'set-transaction' }
  }
  if (/^set password\b/.test(words)) return { kind: 'implicit-commit', words: 'SET PASSWORD' }
  if (/^set default role\b/.test(words)) {
    return { kind: 'implicit-commit', words: 'SET DEFAULT ROLE' }
  }
  // MariaDB's SET STATEMENT holds for one statement, which the server looks at.
  if (/^set statement\b/.test(words)) return opaque
  if (tokens.some((_, index) => assignsGlobal(tokens, index))) return { kind: 'set-global' }
  const names = tokens.flatMap((token) => (token.kind === 'word' ? [token.text] : []))
  if (names.includes('autocommit')) return { kind: 'set-autocommit' }
  const modes = names.find((name) => /^(?:tx|transaction)_(?:isolation|read_only)$/.test(name))
  return modes === undefined ? sessionChange : { kind: 'set-transaction' }
}

/** Whether an assignment to what is global, or kept over restarts, begins after that token. */
function assignsGlobal(tokens: readonly Token[], index: number): boolean {
  if (wordAt(tokens, index) !== 'set' && !isSymbol(tokens[index], ',')) return false
  const isMarked = isSymbol(tokens[index + 1], '@') && isSymbol(tokens[index + 2], '@')
  const at = index + (isMarked ? 3 : 1)
  if (!/^(?:global|persist|persist_only)$/.test(wordAt(tokens, at) ?? '')) return false
  if (!isMarked) return tokens[at + 1]?.kind !== 'symbol'
  // `@@global.name =`: what is only read is no assignment.
  return isSymbol(tokens[at + 1], '.') && /^[:=]$/.test(symbolAt(tokens, at + 3))
}

/** `SET TRANSACTION characteristic [, characteristic]`; undefined where one is not known. */
function readCharacteristics(words: string): Modes | undefined {
  let modes: Modes = { isolation: undefined, access: undefined, deferrable: false }
  for (const each of words.replaceAll(/^set transaction | ;$/g, '').split(' , ')) {
    const level = isolationLevels.find((known) => each === `isolation level ${known}`)
    const access = /^read (?:write|only)$/.exec(each)?.[0] as Modes['access']
    if (level !== undefined) modes = { ...modes, isolation: level }
    else if (access !== undefined) modes = { ...modes, access }
    else return undefined
  }
  return modes
}

/** Statements that carry a telling word: whether it stands where it means something. */
function readWhole(text: string): Statement {
  const tokens = allTokens(text)
  const changes = tokens.some((token, index) => {
    if (token.kind === 'word') {
      if (lockCall.test(token.text)) return isCall(tokens, index)
      return token.text === 'into' && isSymbol(tokens[index + 1], '@')
    }
    return isSymbol(token, ':') && isSymbol(tokens[index + 1], '=')
  })
  return changes ? sessionChange : plain
}

function symbolAt(tokens: readonly Token[], index: number): string {
  const token = tokens[index]
  return token?.kind === 'symbol' ? token.text : ''
}

function isSymbol(token: Token | undefined, text: string): boolean {
  return token?.kind === 'symbol' && token.text === text
}

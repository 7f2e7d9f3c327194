/**
 * What a statement would do to the branch's transaction or to its session, read off its text.
 *
 * The guard acts on it before anything is sent (A1: nobody but us ends a branch). It is a courtesy
 * to the user and to ORMs, not the proof: command tags and the transaction status are.
 */

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
import { readIsolation } from './options.ts'
import { allTokens, Tokens } from './tokens.ts'

export type Statement =
  | TransactionStatement
  /** What PostgreSQL refuses to prepare. */
  | { readonly kind: 'unpreparable'; readonly what: string }
  | { readonly kind: 'plain'; readonly changesSession: boolean }

const plain: Statement = { kind: 'plain', changesSession: false }
const sessionChange: Statement = { kind: 'plain', changesSession: true }

/** Words that make a look at the whole text worth its time; most statements have none. */
const telling =
  /temp|\bhold\b|notify|set_config|export_snapshot|pg_(?:try_)?advisory_lock(?:_shared)?\b/i
const sessionLock = /^pg_(?:try_)?advisory_lock(?:_shared)?$/

/** What can be told of a text without knowing the branch. */
export interface Reading {
  readonly statement: Statement
  /** Whether it holds more than one statement; empty ones do not count. */
  readonly isSeveral: boolean
  readonly speaksOfDurability: boolean
  /** An INSERT, UPDATE or DELETE that answers no rows. */
  readonly isPlainChange: boolean
  /** See `kept-statements.ts`. */
  sightings: number
  name: string | undefined
}

/** Programs send few different texts, again and again. */
const readings = new Map<string, Reading>()
const readingsMax = 1_000
const keptLengthMax = 4_000

export function readText(text: string): Reading {
  const known = readings.get(text)
  if (known !== undefined) return known
  const reading: Reading = {
    statement: readStatement(text),
    isSeveral: isSeveral(text),
    speaksOfDurability: /synchronous_commit/i.test(text),
    isPlainChange: /^\s*(?:insert|update|delete)\b(?![\s\S]*\breturning\b)/i.test(text),
    sightings: 0,
    name: undefined,
  }
  if (text.length > keptLengthMax) return reading
  if (readings.size >= readingsMax) readings.clear()
  readings.set(text, reading)
  return reading
}

/** @example readStatement('begin isolation level serializable').kind // 'begin' */
export function readStatement(text: string): Statement {
  const lead = readLeading(new Tokens(text))
  const [first, second] = [wordAt(lead, 0), wordAt(lead, 1)]
  switch (first) {
    case 'begin':
      return { kind: 'begin', tag: 'BEGIN', modes: readModes(lead.slice(1)) }
    case 'start':
      if (second !== 'transaction') return plain
      return { kind: 'begin', tag: 'START', modes: readModes(lead.slice(1)) }
    case 'commit':
    case 'end':
      if (second === 'prepared') return { kind: 'two-phase', words: 'COMMIT PREPARED' }
      return { kind: 'commit', form: endForm(lead) }
    case 'rollback':
    case 'abort':
      return readRollback(lead)
    case 'savepoint':
      return { kind: 'savepoint', name: nameAt(lead, 1) }
    case 'release':
      return { kind: 'release', name: nameAt(lead, second === 'savepoint' ? 2 : 1) }
    case 'prepare':
      if (second === 'transaction') return { kind: 'two-phase', words: 'PREPARE TRANSACTION' }
      return sessionChange
    case 'set':
      return readSet(lead)
    // What they run can't be read here, and may set what outlives the transaction.
    case 'do':
    case 'call':
    case 'reset':
    case 'discard':
    case 'deallocate':
    case 'load':
      return sessionChange
    case 'listen':
    case 'unlisten':
    case 'notify':
      return { kind: 'unpreparable', what: first.toUpperCase() }
    default:
      return telling.test(text) ? readWhole(allTokens(text)) : plain
  }
}

/** Whether a text holds more than one statement; empty ones do not count. */
export function isSeveral(text: string): boolean {
  return holdsSeveral(new Tokens(text))
}

/** `COMMIT`, `END WORK`, ... and nothing more: no `AND CHAIN`. */
function endForm(lead: readonly Token[]): 'plain' | 'unknown' {
  return /^\w+( work| transaction)?( and no chain)?$/.test(wordsOf(lead)) ? 'plain' : 'unknown'
}

function readRollback(lead: readonly Token[]): Statement {
  if (wordAt(lead, 1) === 'prepared') return { kind: 'two-phase', words: 'ROLLBACK PREPARED' }
  const to = /^\w+( work| transaction)? to( savepoint)? \S/.exec(wordsOf(lead))
  if (to === null) return { kind: 'rollback', form: endForm(lead) }
  return { kind: 'rollback-to', name: nameAt(lead, to[0].trim().split(' ').length - 1) }
}

/** `[WORK | TRANSACTION] [mode [,] ...]`; undefined where a mode is not known. */
function readModes(tokens: readonly Token[]): Modes | undefined {
  const isolation = /^isolation level (serializable|repeatable read|read (?:un)?committed)\s*/
  let rest = wordsOf(tokens).replaceAll(/\s*,\s*/g, ' ')
  rest = rest.replace(/^(work|transaction)\b\s*/, '')
  let modes: Modes = { isolation: undefined, access: undefined, deferrable: false }
  while (rest !== '') {
    const level = isolation.exec(rest)
    const access = /^(read write|read only)\s*/.exec(rest)
    const deferrable = /^(not )?deferrable\s*/.exec(rest)
    if (level !== null) modes = { ...modes, isolation: readIsolation(level[1] ?? '') }
    else if (access !== null) modes = { ...modes, access: access[1] as 'read write' | 'read only' }
    else if (deferrable !== null) modes = { ...modes, deferrable: deferrable[1] === undefined }
    else return undefined
    rest = rest.slice((level ?? access ?? deferrable)?.[0].length)
  }
  return modes
}

function readSet(lead: readonly Token[]): Statement {
  const words = wordsOf(lead)
  if (/^set transaction\b/.test(words)) {
    return { kind: 'set-transaction', modes: readModes(lead.slice(2)) }
  }
  if (/^set (session characteristics|(local )?transaction_)/.test(words)) {
    return { kind: 'set-transaction' }
  }
  if (/^set session transaction_/.test(words)) return { kind: 'set-transaction' }
  return /^set (local|constraints)\b/.test(words) ? plain : sessionChange
}

/** Statements that carry a telling word: whether it stands where it means something. */
function readWhole(tokens: readonly Token[]): Statement {
  const words = tokens.map((token) => (token.kind === 'word' ? token.text : ''))
  const lead = words.slice(0, 6).join(' ')
  if (/^create (or replace )?((global|local) )?temp(orary)?\b/.test(lead)) {
    return { kind: 'unpreparable', what: 'a temporary object' }
  }
  const pairs = words.map((text, index) => `${text} ${words[index + 1] ?? ''}`)
  if (pairs.some((pair) => /^into temp(orary)?$/.test(pair))) {
    return { kind: 'unpreparable', what: 'a temporary object' }
  }
  if (words[0] === 'declare' && pairs.includes('with hold')) {
    return { kind: 'unpreparable', what: 'a cursor WITH HOLD' }
  }
  return readCalls(tokens, words)
}

/** Functions that do what a statement of its own would do. */
function readCalls(tokens: readonly Token[], words: readonly string[]): Statement {
  const calls = words.flatMap((text, index) => (isCall(tokens, index) ? [{ text, index }] : []))
  const names = calls.map(({ text }) => text)
  if (names.includes('pg_notify')) return { kind: 'unpreparable', what: 'pg_notify' }
  if (names.includes('pg_export_snapshot')) {
    return { kind: 'unpreparable', what: 'an exported snapshot' }
  }
  const changes = calls.some(
    ({ text, index }) =>
      sessionLock.test(text) || (text === 'set_config' && !isLocalSetting(tokens, index)),
  )
  return changes ? sessionChange : plain
}

/** Whether `set_config(name, value, is_local)` ends in a literal `true`. */
function isLocalSetting(tokens: readonly Token[], index: number): boolean {
  let depth = 0
  for (let at = index + 1; at < tokens.length; at += 1) {
    const token = tokens[at]
    if (token?.kind !== 'symbol') continue
    if (token.text === '(') depth += 1
    if (token.text === ')') depth -= 1
    if (depth === 0) return wordAt(tokens, at - 1) === 'true'
  }
  return false
}

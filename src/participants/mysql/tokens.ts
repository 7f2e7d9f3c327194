/**
 * Cuts SQL of MariaDB and MySQL into tokens, as far as telling statements apart needs it: comments and
 * strings are recognised so that what they contain is never taken for a command. Comments that the
 * servers execute are read as what they are: part of the statement.
 *
 * Strings are read with backslash escapes and `"` as a quote, which are the servers' own settings.
 * What is misread with another `sql_mode` is caught by the server, which refuses it in an XA
 * transaction.
 */
import { readAll, type Token, type TokenReader } from '../sql/tokens.ts'

const space = /(?:\s|#[^\n]*|--(?=[\s]|$)[^\n]*)+/y
const word = /[A-Za-z_$\u0080-\uffff][A-Za-z0-9_$\u0080-\uffff]*/y
const number = /\d[\w.]*/y
const single = /'[^'\\]*(?:(?:''|\\[\s\S])[^'\\]*)*(?:'|$)/y
const double = /"[^"\\]*(?:(?:""|\\[\s\S])[^"\\]*)*(?:"|$)/y
const backtick = /`[^`]*(?:``[^`]*)*(?:`|$)/y
/** The beginning of a comment that is executed, with the version from which on it is. */
const executed = /\/\*M?!\d*/y

/** Words are folded to lower case: keywords are known in any. */
export class Tokens implements TokenReader {
  readonly #text: string
  #at = 0
  #isInExecuted = false

  constructor(text: string) {
    this.#text = text
  }

  next(): Token | undefined {
    this.#skipBlank()
    if (this.#at >= this.#text.length) return undefined
    const name = this.#match(word)
    if (name !== undefined) return this.#afterWord(name)
    if (this.#match(number) !== undefined) return { kind: 'value' }
    if (this.#match(single) !== undefined) return { kind: 'value' }
    if (this.#match(double) !== undefined) return { kind: 'value' }
    const quoted = this.#match(backtick)
    if (quoted !== undefined) return { kind: 'quoted', text: unquote(quoted) }
    const symbol = this.#text.charAt(this.#at)
    this.#at += 1
    return { kind: 'symbol', text: symbol }
  }

  /** A word may be the prefix of a string: `N'...'`, `x'...'`, `_utf8mb4'...'`. */
  #afterWord(name: string): Token {
    const isPrefix = /^(?:[nxb]|_\w+)$/i.test(name)
    if (isPrefix && this.#match(single) !== undefined) return { kind: 'value' }
    return { kind: 'word', text: name.toLowerCase() }
  }

  #skipBlank(): void {
    for (;;) {
      const at = this.#at
      this.#match(space)
      if (this.#match(executed) !== undefined) this.#isInExecuted = true
      else if (this.#text.startsWith('/*', this.#at)) this.#skipComment()
      else if (this.#isInExecuted && this.#text.startsWith('*/', this.#at)) {
        this.#isInExecuted = false
        this.#at += 2
      }
      if (this.#at === at) return
    }
  }

  #skipComment(): void {
    const end = this.#text.indexOf('*/', this.#at + 2)
    this.#at = end < 0 ? this.#text.length : end + 2
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#text)?.[0]
    if (found === undefined || found === '') return undefined
    this.#at += found.length
    return found
  }
}

function unquote(text: string): string {
  return text.slice(1, text.endsWith('`') && text.length > 1 ? -1 : undefined).replaceAll('``', '`')
}

/** All tokens of a text. */
export function allTokens(text: string): Token[] {
  return readAll(new Tokens(text))
}

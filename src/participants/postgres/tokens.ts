/**
 * Cuts SQL into tokens, as far as telling statements apart needs it: comments, strings and dollar
 * quotes are recognised so that what they contain is never taken for a command.
 *
 * Strings are read with `standard_conforming_strings` on, which is PostgreSQL's own setting. What is
 * misread with it off is caught by the server's answers, which have the last word.
 */
import { readAll, type Token, type TokenReader } from '../sql/tokens.ts'

const space = /(?:\s|--[^\n\r]*)+/y
const word = /[A-Za-z_\u0080-\uffff][A-Za-z0-9_$\u0080-\uffff]*/y
const number = /\d[\w.]*|\$\d+/y
// Written as runs, not as alternatives a character: a text may hold megabytes in one string.
const plainString = /'[^']*(?:''[^']*)*(?:'|$)/y
const escapeString = /'[^'\\]*(?:(?:''|\\[\s\S])[^'\\]*)*(?:'|$)/y
const quotedName = /"[^"]*(?:""[^"]*)*(?:"|$)/y
const dollarTag = /\$(?:[A-Za-z_\u0080-\uffff][A-Za-z0-9_\u0080-\uffff]*)?\$/y
const commentEdge = /\/\*|\*\//g

/** Words are folded to lower case, as PostgreSQL folds them. */
export class Tokens implements TokenReader {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  /** The next token, or undefined at the end. */
  next(): Token | undefined {
    this.#skipBlank()
    if (this.#at >= this.#text.length) return undefined
    const name = this.#match(word)
    if (name !== undefined) return this.#afterWord(name)
    if (this.#match(number) !== undefined) return { kind: 'value' }
    if (this.#match(plainString) !== undefined) return { kind: 'value' }
    const quoted = this.#match(quotedName)
    if (quoted !== undefined) return { kind: 'quoted', text: unquote(quoted) }
    const tag = this.#match(dollarTag)
    if (tag !== undefined) {
      const end = this.#text.indexOf(tag, this.#at)
      this.#at = end < 0 ? this.#text.length : end + tag.length
      return { kind: 'value' }
    }
    const symbol = this.#text.charAt(this.#at)
    this.#at += 1
    return { kind: 'symbol', text: symbol }
  }

  /** A word may be the prefix of a string (`E'...'`, `B'...'`) or of a quoted name (`U&"..."`). */
  #afterWord(name: string): Token {
    const folded = name.toLowerCase()
    const following = this.#text.charAt(this.#at)
    if (following === "'" && /^[ebxn]$/.test(folded)) {
      this.#match(folded === 'e' ? escapeString : plainString)
      return { kind: 'value' }
    }
    if (folded === 'u' && following === '&') {
      const after = this.#text.charAt(this.#at + 1)
      if (after === "'" || after === '"') this.#at += 1
      if (after === "'") {
        this.#match(plainString)
        return { kind: 'value' }
      }
      if (after === '"') return { kind: 'quoted', text: unquote(this.#match(quotedName) ?? '') }
    }
    return { kind: 'word', text: folded }
  }

  #skipBlank(): void {
    for (;;) {
      this.#match(space)
      if (!this.#text.startsWith('/*', this.#at)) return
      this.#skipComment()
    }
  }

  /** Block comments nest. */
  #skipComment(): void {
    let depth = 0
    commentEdge.lastIndex = this.#at
    do {
      const edge = commentEdge.exec(this.#text)
      if (edge === null) {
        this.#at = this.#text.length
        return
      }
      depth += edge[0] === '/*' ? 1 : -1
    } while (depth > 0)
    this.#at = commentEdge.lastIndex
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
  return text.slice(1, text.endsWith('"') && text.length > 1 ? -1 : undefined).replaceAll('""', '"')
}

/** All tokens of a text. */
export function allTokens(text: string): Token[] {
  return readAll(new Tokens(text))
}

/**
 * Tokens of SQL, as far as telling statements apart needs them, and the words of a statement's
 * beginning. Each database has a reader of its own; what it reads has one form.
 */

export type Token =
  /** An unquoted name or keyword, in lower case. */
  | { readonly kind: 'word'; readonly text: string }
  /** A quoted name, without its quotes. */
  | { readonly kind: 'quoted'; readonly text: string }
  /** A string, a number or a parameter: never part of a command's name. */
  | { readonly kind: 'value' }
  | { readonly kind: 'symbol'; readonly text: string }

/** Reads tokens one by one, so that long texts are read only as far as needed. */
export interface TokenReader {
  /** The next token, or undefined at the end. */
  next(): Token | undefined
}

/** How many tokens the first words of a command take at most, BEGIN's modes included. */
const leadingTokens = 24

export function readAll(reader: TokenReader): Token[] {
  const found: Token[] = []
  for (let token = reader.next(); token !== undefined; token = reader.next()) found.push(token)
  return found
}

/** The first tokens of the first statement that is not empty, without its end. */
export function readLeading(reader: TokenReader): Token[] {
  const found: Token[] = []
  while (found.length < leadingTokens) {
    const token = reader.next()
    if (token === undefined) break
    const isEnd = token.kind === 'symbol' && token.text === ';'
    if (isEnd && found.length > 0) break
    if (!isEnd) found.push(token)
  }
  return found
}

/** Whether more than one statement is left to read; empty ones do not count. */
export function holdsSeveral(reader: TokenReader): boolean {
  let ended = false
  let begun = false
  for (let token = reader.next(); token !== undefined; token = reader.next()) {
    if (token.kind === 'symbol' && token.text === ';') ended = begun
    else if (ended) return true
    else begun = true
  }
  return false
}

export function wordAt(tokens: readonly Token[], index: number): string | undefined {
  const token = tokens[index]
  return token?.kind === 'word' ? token.text : undefined
}

export function nameAt(tokens: readonly Token[], index: number): string {
  const token = tokens[index]
  return token?.kind === 'word' || token?.kind === 'quoted' ? token.text : ''
}

/** The tokens as one text, values as `?`. */
export function wordsOf(tokens: readonly Token[]): string {
  return tokens.map((token) => ('text' in token ? token.text : '?')).join(' ')
}

/** Whether the word at `index` is called as a function. */
export function isCall(tokens: readonly Token[], index: number): boolean {
  const next = tokens[index + 1]
  return next?.kind === 'symbol' && next.text === '('
}

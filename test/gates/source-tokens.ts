/**
 * A tokenizer for TypeScript, as far as the house rules need one: it tells names from what stands in
 * comments, strings and regular expressions, and it sees into the `${}` of templates.
 */

export type TokenKind = 'name' | 'string' | 'template' | 'regex' | 'number' | 'mark' | 'comment'

export interface Token {
  readonly kind: TokenKind
  /** As written; a string without its quotes. */
  readonly text: string
  /** Counted from 1; the line where the token starts. */
  readonly line: number
}

const blank = /\s+/y
const comment = /\/\/[^\n]*|\/\*[\s\S]*?\*\//y
const name = /#?[\p{ID_Start}$_][\p{ID_Continue}$]*/uy
const number = /\.?\d[\w.]*/y
const string = /'(?:\\[\s\S]|[^'\\\n])*'|"(?:\\[\s\S]|[^"\\\n])*"/y
const regex = /\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\/[a-z]*/y
const templatePart = /(?:\\[\s\S]|\$(?!\{)|[^`\\$])*/y
const mark = /\?\.(?!\d)|=>|[\s\S]/y

/** After these a slash starts a regular expression; after any other name, or a value, it divides. */
const beforeRegex = new Set(
  'await case delete do else in instanceof new of return throw typeof void yield'.split(' '),
)

export function tokenize(source: string): Token[] {
  const tokens: Token[] = []
  /** One entry an open brace: whether it belongs to a `${` of a template. */
  const braces: boolean[] = []
  let offset = 0
  let line = 1

  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = offset
    const text = pattern.exec(source)?.[0]
    if (text === undefined) return undefined
    offset += text.length
    return text
  }
  const add = (kind: TokenKind, text: string, shown: string = text): void => {
    tokens.push({ kind, text: shown, line })
    line += newlines(text)
  }
  /** Reads template text up to the closing backtick or to the next `${`. */
  const takeTemplate = (): void => {
    add('template', take(templatePart) ?? '')
    if (source.startsWith('${', offset)) {
      braces.push(true)
      offset += 2
    } else {
      offset += 1
    }
  }

  while (offset < source.length) {
    const space = take(blank)
    if (space !== undefined) {
      line += newlines(space)
      continue
    }
    const said = take(comment)
    if (said !== undefined) {
      add('comment', said)
      continue
    }
    const simple = takeSimple(take, tokens)
    if (simple !== undefined) {
      add(...simple)
      continue
    }
    const sign = take(mark) ?? ''
    if (sign === '`') {
      takeTemplate()
    } else if (sign === '}' && braces.pop() === true) {
      takeTemplate()
    } else {
      if (sign === '{') braces.push(false)
      add('mark', sign)
    }
  }
  return tokens
}

function takeSimple(
  take: (pattern: RegExp) => string | undefined,
  tokens: readonly Token[],
): [TokenKind, string, string] | undefined {
  const quoted = take(string)
  if (quoted !== undefined) return ['string', quoted, quoted.slice(1, -1)]
  const word = take(name)
  if (word !== undefined) return ['name', word, word]
  const digits = take(number)
  if (digits !== undefined) return ['number', digits, digits]
  const expression = regexMayStart(tokens) ? take(regex) : undefined
  if (expression !== undefined) return ['regex', expression, expression]
  return undefined
}

function regexMayStart(tokens: readonly Token[]): boolean {
  const previous = tokens.findLast((token) => token.kind !== 'comment')
  if (previous === undefined) return true
  if (previous.kind === 'name') return beforeRegex.has(previous.text)
  return previous.kind === 'mark' && !/^[)\]}]$/.test(previous.text)
}

function newlines(text: string): number {
  return text.split('\n').length - 1
}

/** The tokenizer: what looks like a command inside a comment or a string is none. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { allTokens } from '../../../src/participants/postgres/tokens.ts'

/** Words as they are, quoted names in quotes, values as `?`. */
function cut(text: string): string {
  return allTokens(text)
    .map((token) => {
      if (token.kind === 'value') return '?'
      return token.kind === 'quoted' ? `"${token.text}"` : token.text
    })
    .join(' ')
}

const cases: readonly (readonly [what: string, text: string, expected: string])[] = [
  ['folds unquoted names, keeps quoted ones', 'SELECT Foo, "Foo"', 'select foo , "Foo"'],
  ['skips a line comment to the end of its line', '-- commit\r\nselect 1', 'select ?'],
  ['skips block comments, which nest', '/* a /* commit */ b */ select 1', 'select ?'],
  ['reads an open block comment to the end', 'select /* commit', 'select'],
  ['takes a comment between words for a blank', 'com/**/mit', 'com mit'],
  ['reads a string with doubled quotes', "select 'it''s; commit'", 'select ?'],
  ['knows that a plain string has no escapes', "select 'a\\'; commit", 'select ? ; commit'],
  ['knows that an E string has escapes', "select e'a\\'; commit'", 'select ?'],
  ['knows E strings with a doubled quote', "select E'a''\\\\'; commit", 'select ? ; commit'],
  ['reads bit, national and Unicode strings', "B'1' x'F' n'a' U&'\\0041'", '? ? ? ?'],
  ['does not take u & for a Unicode string', 'u & v', 'u & v'],
  ['reads Unicode names', 'U&"d\\0061t" x', '"d\\0061t" x'],
  ['reads names with doubled quotes', '"a""b; commit" x', '"a"b; commit" x'],
  ['reads dollar quotes', 'do $$ commit; $$', 'do ?'],
  ['reads tagged dollar quotes', 'do $a$ $$ commit $b$ $a$ x', 'do ? x'],
  ['reads an open dollar quote to the end', 'do $a$ commit', 'do ?'],
  ['tells parameters from dollar quotes', 'select $1, $2 from t', 'select ? , ? from t'],
  ['keeps dollars inside names', 'select a$b$c', 'select a$b$c'],
  ['reads numbers', 'limit 1.5 offset 0xFF', 'limit ? offset ?'],
  ['reads letters of every script as names', 'select größe', 'select größe'],
]

for (const [what, text, expected] of cases) {
  test(`the tokenizer ${what}`, () => assert.equal(cut(text), expected))
}

test('the tokenizer reads a string of megabytes', () => {
  const long = `insert into t values ('${"it''s ".repeat(500_000)}')`
  assert.equal(cut(long), 'insert into t values ( ? )')
})

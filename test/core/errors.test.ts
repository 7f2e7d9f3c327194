import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { type ErrorCode, errorCatalogue } from '../../src/core/error-catalogue.ts'
import { AssentError, codeOf, isAssentError, messageOf } from '../../src/core/errors.ts'
import { BrokenInvariant, invariant } from '../../src/core/invariant.ts'

describe('an error of Assent', () => {
  const cause = new Error('disk full')
  const error = new AssentError('ASSENT_LOG_FAILED', 'the log failed', {}, { cause })

  test('answers from the catalogue what happened and what to do', () => {
    assert.equal(error.name, 'AssentError')
    assert.equal(error.message, 'the log failed')
    assert.equal(error.cause, cause)
    assert.equal(error.effect, errorCatalogue.ASSENT_LOG_FAILED.effect)
    assert.equal(error.retry, errorCatalogue.ASSENT_LOG_FAILED.retry)
  })

  test('has a cause only where it was given one', () => {
    assert.ok(!('cause' in new AssentError('ASSENT_LOG_FAILED', '', {})))
    assert.ok('cause' in new AssentError('ASSENT_LOG_FAILED', '', {}, { cause: undefined }))
  })

  test('may advise otherwise on retrying than its code in general', () => {
    const other = new AssentError('ASSENT_LOG_FAILED', '', {}, { retry: 'never' })
    assert.equal(other.retry, 'never')
  })

  test('is told from other errors, and by its code', () => {
    assert.ok(isAssentError(error))
    assert.ok(isAssentError(error, 'ASSENT_LOG_FAILED'))
    assert.ok(!isAssentError(error, 'ASSENT_OVERLOADED'))
    assert.ok(!isAssentError(cause))
    assert.ok(!isAssentError({ ...error, code: 'ASSENT_LOG_FAILED' }))
  })
})

describe('the catalogue', () => {
  const entries = Object.entries(errorCatalogue) as [
    ErrorCode,
    (typeof errorCatalogue)[ErrorCode],
  ][]

  test('never advises to run again what may have happened', () => {
    for (const [code, { effect, retry }] of entries) {
      if (effect !== 'none') assert.notEqual(retry, 'safe', code)
      if (effect === 'unknown') assert.equal(retry, 'after-outcome', code)
    }
  })

  test('gives each code a status of failure, an exit code of failure, and sentences', () => {
    for (const [code, { httpStatus, exitCode, meaning, cure }] of entries) {
      assert.match(code, /^ASSENT_[A-Z_]+$/)
      assert.ok(httpStatus >= 400 && httpStatus <= 599, code)
      assert.ok([1, 2, 3].includes(exitCode), code)
      assert.match(meaning, /^[A-Z].*\.$/, code)
      assert.match(cure, /^[A-Z].*\.$/, code)
    }
  })

  test('ends a command with 3 exactly where the data may have changed', () => {
    for (const [code, { effect, exitCode }] of entries) {
      assert.equal(exitCode === 3, effect !== 'none', code)
    }
  })
})

test('any thrown value reads as one line, with its code where it has one', () => {
  assert.equal(messageOf(new Error('two\n  lines ')), 'two lines')
  assert.equal(messageOf('text'), 'text')
  assert.equal(messageOf(undefined), 'undefined')
  assert.equal(codeOf(Object.assign(new Error('x'), { code: '40001' })), '40001')
  for (const thrown of [undefined, null, 'text', {}, { code: 5 }]) {
    assert.equal(codeOf(thrown), undefined)
  }
})

test('a broken invariant carries its rule and its evidence', () => {
  invariant(true, 'A1', 'holds')
  assert.throws(
    () => invariant(false, 'A1', 'two decisions', { id: 7 }),
    (error) =>
      error instanceof BrokenInvariant &&
      error.rule === 'A1' &&
      error.message === 'A1: two decisions' &&
      (error.evidence as { id: number }).id === 7,
  )
})

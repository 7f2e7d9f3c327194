/** What the guard makes of a statement's text. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  isSeveral,
  readStatement,
  type Statement,
} from '../../../src/participants/postgres/statements.ts'

const plain: Statement = { kind: 'plain', changesSession: false }
const sessionChange: Statement = { kind: 'plain', changesSession: true }
const noModes = { isolation: undefined, access: undefined, deferrable: false }
const begin = (modes: object = {}, tag: 'BEGIN' | 'START' = 'BEGIN'): Statement => ({
  kind: 'begin',
  tag,
  modes: { ...noModes, ...modes },
})
const temporary: Statement = { kind: 'unpreparable', what: 'a temporary object' }

const cases: readonly (readonly [text: string, expected: Statement])[] = [
  ['begin', begin()],
  ['BEGIN;', begin()],
  [';; begin work', begin()],
  ['/* hint */ Begin Transaction', begin()],
  ['start transaction', begin({}, 'START')],
  ['begin isolation level serializable', begin({ isolation: 'serializable' })],
  [
    'start transaction isolation level repeatable read, read only, deferrable',
    begin({ isolation: 'repeatable read', access: 'read only', deferrable: true }, 'START'),
  ],
  ['begin read write not deferrable', begin({ access: 'read write' })],
  ['begin isolation level snapshot', { kind: 'begin', tag: 'BEGIN', modes: undefined }],
  ['commit', { kind: 'commit', form: 'plain' }],
  ['END TRANSACTION;', { kind: 'commit', form: 'plain' }],
  ['commit and chain', { kind: 'commit', form: 'unknown' }],
  ['commit and no chain', { kind: 'commit', form: 'plain' }],
  ['rollback', { kind: 'rollback', form: 'plain' }],
  ['ABORT work', { kind: 'rollback', form: 'plain' }],
  ['rollback to a', { kind: 'rollback-to', name: 'a' }],
  ['ROLLBACK TRANSACTION TO SAVEPOINT "A b"', { kind: 'rollback-to', name: 'A b' }],
  ['savepoint Sp1', { kind: 'savepoint', name: 'sp1' }],
  ['release savepoint sp1', { kind: 'release', name: 'sp1' }],
  ['release sp1', { kind: 'release', name: 'sp1' }],
  ["prepare transaction 'x'", { kind: 'two-phase', words: 'PREPARE TRANSACTION' }],
  ["commit prepared 'x'", { kind: 'two-phase', words: 'COMMIT PREPARED' }],
  ["rollback/**/prepared 'x'", { kind: 'two-phase', words: 'ROLLBACK PREPARED' }],
  ['prepare p as select 1', sessionChange],
  [
    'set transaction isolation level serializable',
    { kind: 'set-transaction', modes: { ...noModes, isolation: 'serializable' } },
  ],
  ["set transaction snapshot '1'", { kind: 'set-transaction', modes: undefined }],
  ['set local transaction_isolation = serializable', { kind: 'set-transaction' }],
  ['set session transaction_read_only = on', { kind: 'set-transaction' }],
  [
    'SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE',
    { kind: 'set-transaction' },
  ],
  ['set local search_path = a', plain],
  ['set constraints all deferred', plain],
  ['set search_path = a', sessionChange],
  ['set session role x', sessionChange],
  ['reset all', sessionChange],
  ['discard temp', sessionChange],
  ['listen jobs', { kind: 'unpreparable', what: 'LISTEN' }],
  ["notify jobs, 'commit'", { kind: 'unpreparable', what: 'NOTIFY' }],
  ["select pg_notify('jobs', $1)", { kind: 'unpreparable', what: 'pg_notify' }],
  ["select pg_catalog.pg_notify ('a', 'b')", { kind: 'unpreparable', what: 'pg_notify' }],
  ["select 'pg_notify(1)' as text", plain],
  ['select notify from jobs', plain],
  ['create temp table t (a int)', temporary],
  ['CREATE LOCAL TEMPORARY VIEW v AS SELECT 1', temporary],
  ['select 1 as a into temp t', temporary],
  ['select temp from weather', plain],
  ['create table temp (a int)', plain],
  ['declare c cursor with hold for select 1', { kind: 'unpreparable', what: 'a cursor WITH HOLD' }],
  ['declare c cursor for select hold from t', plain],
  ['select pg_export_snapshot()', { kind: 'unpreparable', what: 'an exported snapshot' }],
  ["select set_config('app.tenant', $1, true)", plain],
  ["select set_config('app.tenant', coalesce($1, 'x'), false)", sessionChange],
  ["select set_config('app.tenant', $1, $2)", sessionChange],
  ['select pg_advisory_lock(1)', sessionChange],
  ['select pg_advisory_xact_lock(1)', plain],
  ['insert into t values (1)', plain],
  ['(select 1)', plain],
  ['commitments', plain],
  ['', plain],
]

for (const [text, expected] of cases) {
  test(`the guard reads: ${text}`, () => assert.deepEqual(readStatement(text), expected))
}

test('several statements are told from one with semicolons and comments around it', () => {
  for (const one of ['select 1', 'select 1;', ';;select 1;; -- x', "select ';'; /* ; */", '']) {
    assert.equal(isSeveral(one), false, one)
  }
  for (const several of ['select 1; select 2', 'begin; -- x\ncommit', "copy t from stdin;'a'"]) {
    assert.equal(isSeveral(several), true, several)
  }
})

/** What the guard makes of a statement's text. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  isSeveral,
  readStatement,
  type Statement,
} from '../../../src/participants/mysql/statements.ts'

const plain: Statement = { kind: 'plain', changesSession: false }
const sessionChange: Statement = { kind: 'plain', changesSession: true }
const temporary: Statement = { kind: 'temporary-table' }
const opaque: Statement = { kind: 'opaque' }
const setGlobal: Statement = { kind: 'set-global' }
const noModes = { isolation: undefined, access: undefined, deferrable: false }
const begin = (modes: object = {}, tag: 'BEGIN' | 'START' = 'BEGIN'): Statement => ({
  kind: 'begin',
  tag,
  modes: { ...noModes, ...modes },
})
const commits = (words: string): Statement => ({ kind: 'implicit-commit', words })
const set = (modes: object): Statement => ({
  kind: 'set-transaction',
  modes: { ...noModes, ...modes },
})

const cases: readonly (readonly [text: string, expected: Statement])[] = [
  ['begin', begin()],
  ['BEGIN;', begin()],
  ['begin work', begin()],
  ['begin not atomic select 1; end', opaque],
  ['call again()', opaque],
  ['execute mine', opaque],
  ["execute immediate 'commit'", opaque],
  ['start transaction', begin({}, 'START')],
  ['start transaction read only', begin({ access: 'read only' }, 'START')],
  ['start transaction with consistent snapshot', { kind: 'consistent-snapshot' }],
  ['start transaction with consistent snapshot, read only', { kind: 'consistent-snapshot' }],
  ['start slave', commits('START SLAVE')],
  ['commit', { kind: 'commit', form: 'plain' }],
  ['COMMIT WORK AND NO CHAIN NO RELEASE', { kind: 'commit', form: 'plain' }],
  ['commit and chain', { kind: 'commit', form: 'unknown' }],
  ['commit release', { kind: 'commit', form: 'unknown' }],
  ['# orm\n/* a */ -- b\n commit', { kind: 'commit', form: 'plain' }],
  ['/*! commit */', { kind: 'commit', form: 'plain' }],
  ['/*!50700 commit */', { kind: 'commit', form: 'plain' }],
  ['/*M! rollback */', { kind: 'rollback', form: 'plain' }],
  ['rollback', { kind: 'rollback', form: 'plain' }],
  ['rollback work to savepoint `A b`', { kind: 'rollback-to', name: 'a b' }],
  ['ROLLBACK TO Trx2;', { kind: 'rollback-to', name: 'trx2' }],
  ['savepoint `x-sp-1`', { kind: 'savepoint', name: 'x-sp-1' }],
  ['release savepoint sp1', { kind: 'release', name: 'sp1' }],
  ["xa start 'x'", { kind: 'two-phase', words: 'XA START' }],
  ['xa recover', plain],
  ['set autocommit = 0', { kind: 'set-autocommit' }],
  ['set @@session.autocommit=1', { kind: 'set-autocommit' }],
  ['set transaction isolation level read committed', set({ isolation: 'read committed' })],
  [
    'SET TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ ONLY',
    set({ isolation: 'serializable', access: 'read only' }),
  ],
  ['set transaction isolation level serializable;', set({ isolation: 'serializable' })],
  ['set transaction isolation level snapshot', { kind: 'set-transaction', modes: undefined }],
  ['set session transaction read only', { kind: 'set-transaction' }],
  ["set a = 1, @@transaction_isolation = 'SERIALIZABLE'", { kind: 'set-transaction' }],
  ["set sql_mode = 'autocommit'", sessionChange],
  ['set names utf8mb4', sessionChange],
  ['set statement max_statement_time = 1 for select 1', opaque],
  ['set global max_connections = 10', setGlobal],
  ["set sql_mode = '', GLOBAL max_connections = 10", setGlobal],
  ['set @@global.max_connections = 10', setGlobal],
  ['SET @a = 1, @@GLOBAL . max_connections := 10', setGlobal],
  ['set persist max_connections = 10', setGlobal],
  ['set @@persist_only.max_connections = 10', setGlobal],
  ['set @@session.sort_buffer_size = @@global.sort_buffer_size', sessionChange],
  ['set @a = greatest(1, @@global.sort_buffer_size)', sessionChange],
  ['set @global = 1', sessionChange],
  ['set global = 1', sessionChange],
  ["set password = 'x'", commits('SET PASSWORD')],
  ['use other', sessionChange],
  ['create table t (a int)', commits('CREATE TABLE')],
  ['create temporary table t (a int)', temporary],
  ['CREATE OR REPLACE TEMPORARY TABLE t (a int)', temporary],
  ['drop temporary table t', temporary],
  ['drop prepare p', sessionChange],
  ['truncate t', commits('TRUNCATE T')],
  ['lock tables t read', commits('LOCK TABLES')],
  ['analyze table t', commits('ANALYZE TABLE')],
  ['analyze select 1', plain],
  ['load data infile "x" into table t', plain],
  ['load index into cache t', commits('LOAD INDEX')],
  ["select get_lock('a', 1)", sessionChange],
  ["select 'get_lock(1)'", plain],
  ['select @a := 1', sessionChange],
  ['select 1 into @a', sessionChange],
  ['insert into t values (":=")', plain],
  ["select '\\'; commit; -- '", plain],
  ["select _utf8mb4'commit', N'x', x'00', \"a ` b\"", plain],
  ['insert into `create` values (1)', plain],
  ['(select 1)', plain],
  ['commitments', plain],
  ['', plain],
]

for (const [text, expected] of cases) {
  test(`the guard reads: ${text}`, () => assert.deepEqual(readStatement(text), expected))
}

test('several statements are told from one with semicolons and comments around it', () => {
  for (const one of [
    'select 1',
    'select 1;',
    ';;select 1;; -- x',
    "select ';'; /* ; */ # x",
    'select "a\\";b"',
    'select `;`',
    '',
  ]) {
    assert.equal(isSeveral(one), false, one)
  }
  for (const several of ['select 1; select 2', 'begin; #\ncommit', 'select 1 /*! ; commit */']) {
    assert.equal(isSeveral(several), true, several)
  }
})

import { mariadbSuite } from '../../harness/mariadb.ts'
import { test } from 'node:test'
await mariadbSuite('probe', (servers) => {
  test('x', async () => {
    const url = await servers.database(await servers.shared())
    const pool = servers.pool(url, { connectionLimit: 1 })
    const c = await pool.getConnection()
    const q = async (t: string) => { try { const [r] = await c.query(t); const h = Array.isArray(r) ? (r as any).at(-1) : r; console.log(t.slice(0,90), '=>', h?.serverStatus, JSON.stringify(h?.stateChanges), h?.warningStatus) } catch (e: any) { console.log(t.slice(0,90), '=> ERR', e.errno, e.message.slice(0,120)) } }
    await c.query('create table item (id int primary key) engine=InnoDB')
    await c.query('create procedure again() begin commit; start transaction; end')
    await c.query("create procedure settle() begin set session sql_mode=''; end")
    await c.query("create procedure uvar() begin set @mine = 1; end")
    await c.query("create procedure harmless() begin insert into item values (77); end")
    await c.query("create function f() returns int begin set @x = 5; set session sql_mode=''; return 1; end")
    await c.query("create procedure temp() begin create temporary table tt(id int); end")
    const dump = async () => console.log((await c.query("show variables like 'session_track%'"))[0])
    await dump()
    await q("set session innodb_lock_wait_timeout=5")
    await q("begin not atomic set session session_track_system_variables='*', session_track_state_change=1, innodb_lock_wait_timeout=6; start transaction; savepoint assent_begin; end")
    for (const t of ['insert into item values (1)', 'call harmless()', 'call settle()', 'call uvar()', 'set @a = 2', 'select @a := 3', 'do 0', 'select f()', 'do 0', "execute immediate 'set session sql_mode=\"ANSI\"'", "set statement max_statement_time=1 for select 1", 'do 0', "set statement max_statement_time=1 for do 1", 'call temp()', "execute immediate 'create temporary table t2 (id int)'", "prepare p from 'select 1'", "select get_lock('a',0)", 'do 0', "begin not atomic declare x int; set x = 1; end", 'savepoint a', 'release savepoint assent_begin', 'rollback', 'rollback to savepoint assent_begin']) await q(t)
    console.log('execute'); await c.execute('select 1'); await q('do 0'); await c.execute('select ?', [2]); await q('do 0')
    await q("begin not atomic start transaction; savepoint assent_begin; end"); await q('insert into item values (3)'); await q('call again()'); await q('begin not atomic release savepoint assent_begin; commit; end'); await q('rollback')
    await q("begin not atomic start transaction; savepoint assent_begin; end"); await q('insert into item values (4)'); await q("execute immediate 'truncate nosuch'"); await q('begin not atomic rollback to savepoint assent_begin; rollback; end')
    await q("begin not atomic start transaction; savepoint assent_begin; end"); await q('insert into item values (5)'); await q('begin not atomic rollback to savepoint assent_begin; rollback; end')
    // XA with temp
    await q("xa start 'a'"); await q('insert into item values (6)'); await q("xa end 'a'"); await q("xa prepare 'a'"); await q("xa rollback 'a'")
    await q("set session session_track_system_variables=default, session_track_state_change=default")
    // cost
    for (const [name, on] of [['off', false], ['on', true], ['off', false], ['on', true]] as const) {
      const begin = on ? "begin not atomic set session session_track_system_variables='*', session_track_state_change=1, innodb_lock_wait_timeout=6; start transaction; end" : "begin not atomic set session innodb_lock_wait_timeout=6; start transaction; end"
      const end = on ? "set session session_track_system_variables='autocommit,character_set_client,character_set_connection,character_set_results,time_zone', session_track_state_change=0, innodb_lock_wait_timeout=50" : "set session innodb_lock_wait_timeout=50"
      const t0 = performance.now()
      for (let i = 0; i < 3000; i++) { await c.query(begin); await c.query('select 1'); await c.query('commit'); await c.query(end) }
      console.log(name, ((performance.now() - t0) / 3000).toFixed(3), 'ms')
    }
    c.destroy()
  })
})

/**
 * One session's end of the decision tables at a simulated database.
 *
 * What PostgreSQL does is what it does: who inserts under a key that another transaction is about to
 * take waits for that one's end, and then meets its row; a slot is locked until the server sees that
 * the session is over, which after a crash of the client can be much later; a request that has begun
 * is carried out whoever is gone meanwhile.
 */
import type { DecisionRow } from '../../../core/decision-table.ts'
import type { TransactionKey } from '../../../core/ids.ts'
import type { Database } from '../database.ts'
import { type Reply, refused } from '../messages.ts'
import { rowName, type TableRequest } from './messages.ts'
import type { SlotHolder } from './slot-holder.ts'
import {
  isPresumed,
  isProved,
  type StoredDecisions,
  type StoredLog,
  slotName,
} from './stored-decisions.ts'

type Answer = (reply: Reply) => void
type Of<Type extends TableRequest['type']> = Extract<TableRequest, { readonly type: Type }>

/** How long a write waits for whoever is about to insert under a key of its own. */
const writeWaitMs = 1_000

export class DecisionServer {
  readonly #database: Database
  readonly #stored: StoredDecisions
  readonly #holder: SlotHolder
  #slot: string | undefined
  #log: StoredLog | undefined

  constructor(database: Database, stored: StoredDecisions, holder: SlotHolder) {
    this.#database = database
    this.#stored = stored
    this.#holder = holder
  }

  carryOut(request: TableRequest, answer: Answer): void {
    switch (request.type) {
      case 'list-logs':
        return answer({ type: 'logs', logs: this.#stored.logsOf(request.installation) })
      case 'lock-slot':
        return this.#lock(request, answer)
      case 'presume-aborted':
        return this.#presumeAborted(request, answer)
      case 'read-log': {
        const log = this.#log
        if (log === undefined) return answer(refused('notLocked'))
        return answer({ type: 'contents', contents: this.#stored.contentsOf(log) })
      }
      case 'write-log':
        return this.#write(request, answer)
      case 'remove-presumed':
        return this.#removePresumed(request, answer)
    }
  }

  /** The session is over, and nothing of it is being carried out. */
  end(): void {
    if (this.#slot === undefined) return
    const { slots } = this.#database
    // Since a crash of the server it may be another's.
    if (slots.get(this.#slot) === this.#holder) slots.delete(this.#slot)
    this.#slot = undefined
  }

  #lock({ wanted }: Of<'lock-slot'>, answer: Answer): void {
    const { slots } = this.#database
    const slot = slotName(wanted)
    if (slots.has(slot)) return answer({ type: 'slot', log: undefined })
    slots.set(slot, this.#holder)
    this.#slot = slot
    const locked = (log: StoredLog): void => {
      this.#log = log
      const { identity, epoch, isClean } = log
      this.#database.note(`locks ${slot} of ${identity}, epoch ${epoch}`)
      this.#stored.locked(log, this.#holder.client.name)
      answer({ type: 'slot', log: { slot: wanted.slot, identity, epoch, isClean } })
    }
    const known = this.#stored.logIn(slot)
    if (known !== undefined) return locked(known)
    let made: StoredLog
    this.#database.force(
      () => {
        made = this.#stored.makeLog(wanted)
      },
      () => locked(made),
    )
  }

  /** READ COMMITTED; the log is kept at its epoch until this is over. */
  #presumeAborted({ holder, key, lockTimeoutMs }: Of<'presume-aborted'>, answer: Answer): void {
    const database = this.#database
    const stored = this.#stored
    const log = stored.logOf(holder.log)
    if (log?.epoch !== holder.epoch) {
      stored.count('presumption of an epoch that is over')
      return answer(refused('notHolder'))
    }
    const xid = database.begin()
    const name = rowName(holder.log, key)
    const over = (): void => {
      database.drop(xid)
      log.keptBy.delete(xid)
      if (log.keptBy.size === 0) for (const raise of log.raises.splice(0)) raise()
    }
    log.keptBy.add(xid)
    if (database.locks.isTaken(name)) stored.count('presumption waits for an insert')
    database.locks.take(name, xid, lockTimeoutMs, {
      granted: () => {
        const found = stored.row(holder.log, key)
        if (found === undefined) return this.#insertAborted({ xid, log, key }, over, answer)
        over()
        stored.count(`presumption finds ${found.decision}`)
        answer({ type: 'row', row: withoutOpen(found) })
      },
      timedOut: () => {
        over()
        stored.count('presumption gives up its wait')
        answer(refused('lockTimeout'))
      },
    })
  }

  #insertAborted(
    {
      xid,
      log,
      key,
    }: { readonly xid: string; readonly log: StoredLog; readonly key: TransactionKey },
    over: () => void,
    answer: Answer,
  ): void {
    const database = this.#database
    const { identity } = log
    const record = new Uint8Array()
    const row: DecisionRow = { log: identity, transaction: key, decision: 'aborted', record }
    const openThen = database.open(xid)
    database.force(
      () => {
        this.#stored.insert(row, openThen)
        this.#stored.count('presumption inserts aborted')
        database.note(`has presumed ${rowName(identity, key)} aborted`)
        over()
      },
      () => answer({ type: 'row', row }),
    )
  }

  #write({ change }: Of<'write-log'>, answer: Answer): void {
    const log = this.#log
    if (log === undefined) return answer(refused('notLocked'))
    const database = this.#database
    const stored = this.#stored
    const xid = database.begin()
    const rest = [...(change.decisions ?? [])]
    const next = (): void => {
      const row = rest.shift()
      if (row === undefined) {
        const now = database.open(xid)
        const apply = (): void => {
          const { name: client } = this.#holder.client
          stored.change(log, change, { now, isOpen: (each) => database.isOpen(each), client })
          database.drop(xid)
        }
        return database.force(apply, () => answer({ type: 'done' }))
      }
      database.locks.take(rowName(row.log, row.transaction), xid, writeWaitMs, {
        granted: () => {
          if (stored.row(row.log, row.transaction) === undefined) return next()
          stored.count('write meets a presumed row')
          giveUp('duplicateKey')
        },
        timedOut: () => giveUp('lockTimeout'),
      })
    }
    const giveUp = (code: 'duplicateKey' | 'lockTimeout'): void => {
      database.drop(xid)
      answer(refused(code))
    }
    if (change.epoch === undefined || log.keptBy.size === 0) next()
    else log.raises.push(next)
  }

  #removePresumed({ keys }: Of<'remove-presumed'>, answer: Answer): void {
    const log = this.#log
    if (log === undefined) return answer(refused('notLocked'))
    const database = this.#database
    const isOpen = (xid: string): boolean => database.isOpen(xid)
    const proved = keys.filter((key) => {
      const row = this.#stored.row(log.identity, key)
      return row === undefined || (isPresumed(row) && isProved(row, log, isOpen))
    })
    database.force(
      () => {
        for (const key of proved) {
          if (!this.#stored.remove(log, key, isOpen)) continue
          this.#stored.count('presumed row removed')
          database.note(`has removed the presumed ${rowName(log.identity, key)}`)
        }
      },
      () => answer({ type: 'removed', keys: proved }),
    )
  }
}

function withoutOpen({ log, transaction, decision, record }: DecisionRow): DecisionRow {
  return { log, transaction, decision, record }
}

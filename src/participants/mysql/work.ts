/** What a branch's transaction went through, as far as only MariaDB and MySQL ask for it. */
import { Work } from '../sql/work.ts'

export class MysqlWork extends Work {
  /**
   * Whether some answer counted rows that were written. What did write, the server knows best; this
   * tells a branch that it rolled back for want of any write (MY-3) from one that lost some.
   */
  hasWritten = false
  /** The first statement whose text does not tell what it does: a call, a compound statement. */
  opaque: string | undefined
  /** The first statement after which the server was in no transaction, though none of ours ended it. */
  endedBy: string | undefined

  /**
   * Whether somebody may have ended the transaction, where it is not there any more. Otherwise the
   * server has rolled it back itself, as it does with the victim of a deadlock.
   */
  get mayHaveBeenEnded(): boolean {
    return this.opaque !== undefined || this.endedBy !== undefined || this.obstacle === undefined
  }
}

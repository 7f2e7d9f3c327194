/** What a branch's transaction went through, as far as only MariaDB and MySQL ask for it. */
import { Work } from '../sql/work.ts'

export class MysqlWork extends Work {
  /**
   * Whether some answer counted rows that were written. What did write, the server knows best; this
   * tells a branch that it rolled back for want of any write (MY-3) from one that lost some.
   */
  hasWritten = false
}

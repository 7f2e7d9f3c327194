/** A statement was refused by the database. */
export class StatementFailed extends Error {
  override readonly name = 'StatementFailed'
  readonly code: string

  constructor(code: string) {
    super(`the database answered ${code}`)
    this.code = code
  }
}

/** What a command of `assent` is, as data: help and checks come from this one place. */

export interface OptionDescription {
  readonly name: string
  /** What its value is called in the help, such as `DIR`; undefined for a switch. */
  readonly value?: string
  /** Whether it may be given more than once. */
  readonly multiple?: boolean
  readonly required?: boolean
  /** Whether the usage shows it although it is not required. */
  readonly inUsage?: boolean
  readonly help: string
}

export interface CommandDescription {
  readonly name: string
  /** One line for the list of commands. */
  readonly summary: string
  /** What it takes besides options, such as `ID`; all are required. */
  readonly operands: readonly string[]
  readonly options: readonly OptionDescription[]
  /** What one needs to know beyond the options; lines of at most 80 characters. */
  readonly details: readonly string[]
}

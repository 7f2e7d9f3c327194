/**
 * The settings of a branch, which stay on its connection while that rests in the pool.
 *
 * Two branches in a row mostly need the same, and setting them twice for each is a tenth of what a
 * short transaction costs the server. Keeps: nobody but a branch of ours runs anything under them.
 * Whatever is sent on the connection next, by whomever, goes through the driver's `addCommand`; the
 * one that stands there while the connection rests first sends the session its own settings. Where
 * that fails the connection is closed, before anything of the other's is sent: with `autocommit` off
 * his changes would be lost.
 */
import { OwnCommand } from './own-command.ts'
import { Pipeline } from './pipeline.ts'
import type { PipelineCommand, Wire } from './wire.ts'

type AddCommand = Wire['addCommand']

export class RestingSettings {
  /** The settings that the session has now, as they were sent; undefined: its own. */
  inForce: string | undefined
  /**
   * Whether nobody but branches of ours has sent anything since the session was learnt: he may have
   * changed what it has by itself, and for good.
   */
  isUntouched = true
  readonly #wire: Wire
  #watch: { readonly watch: AddCommand; readonly addCommand: AddCommand } | undefined

  constructor(wire: Wire) {
    this.#wire = wire
  }

  /** The connection goes back to the pool; `restore` gives the session its own settings. */
  rest(restore: string): void {
    const wire = this.#wire
    const { addCommand } = wire
    const watch: AddCommand = (command) => {
      this.#watch = undefined
      wire.addCommand = addCommand
      this.isUntouched = false
      if (this.inForce !== undefined) {
        this.inForce = undefined
        wire.addCommand(restoring(wire, restore))
      }
      return wire.addCommand(command)
    }
    this.#watch = { watch, addCommand }
    wire.addCommand = watch
  }

  /** A branch of ours has it again. */
  wake(): void {
    const { watch, addCommand } = this.#watch ?? {}
    this.#watch = undefined
    // A driver that closes a connection puts a method of its own there.
    if (addCommand !== undefined && this.#wire.addCommand === watch) {
      // Not deleted, which would make each later use of the connection slower.
      this.#wire.addCommand = addCommand
    }
  }
}

/** By an error of the socket the driver tells all who wait on the connection that it is gone. */
function restoring(wire: Wire, text: string): PipelineCommand {
  return new Pipeline([new OwnCommand({ text, isVital: true })], (cause) => {
    wire.stream.destroy(cause as Error)
  })
}

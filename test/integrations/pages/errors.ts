/** The code of docs/integrations/README.md. */

/** The code of the error that a library has wrapped: Assent's, the database's or the driver's. */
export function codeUnder(error: unknown): unknown {
  const { code, originalCode, cause, driverError, parent, meta } = Object(error)
  if (String(code).startsWith('ASSENT_')) return code
  const under = cause ?? driverError ?? parent ?? meta?.driverAdapterError
  return under === undefined ? (originalCode ?? code) : codeUnder(under)
}

import { MusterError } from '../domain/errors.ts'
import type { Walk } from './walk.ts'

/** A session whose credential is not defined here is left to a process that has it, and not failed. */
export function refuseUnknownCredentials({ sessionId, config, credentials }: Walk): void {
  if (credentials.knows(config)) return
  throw new MusterError(
    'CREDENTIAL_UNAVAILABLE',
    `session ${sessionId} (target "${config.name}") needs ${config.authRef === null ? 'header values that are' : `the credential "${config.authRef}", or header values, that are`} not defined here: load the config that defines them; the session stays resumable`,
  )
}

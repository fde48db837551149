import { systemClock, type TimeProvider } from '../domain/clock.ts'
import type { TaskCredentials } from '../domain/credentials.ts'
import type { JsonValue } from '../domain/json.ts'
import type { TargetConfig } from '../domain/session-state.ts'
import type { CredentialResolver } from '../enumeration/ports.ts'
import { maskCredentials } from '../sources/redact.ts'
import type { CredentialStore, HeaderReferences } from './secrets.ts'

/** Secrets remembered for masking; tokens that are renewed every hour would pile up. */
const MAX_REMEMBERED = 200

/** A shorter value is more likely a word than a secret, and masking it would garble messages. */
const SHORTEST_SECRET = 6

/** The secrets that were handed out, so that they can be taken out of messages again. */
export class SecretMask {
  readonly #secrets = new Set<string>()

  remember(value: JsonValue | undefined): void {
    if (typeof value === 'string') this.#add(value)
    else if (typeof value === 'object' && value !== null)
      Object.values(value).forEach((v) => this.remember(v as JsonValue))
  }

  /** The text without known secrets, and without what stands before the `@` of an address. */
  apply(text: string): string {
    let masked = maskCredentials(text)
    for (const secret of this.#secrets) masked = masked.replaceAll(secret, '***')
    return masked
  }

  #add(secret: string): void {
    if (secret.length < SHORTEST_SECRET) return
    // The one in use must not be the first to be forgotten.
    this.#secrets.delete(secret)
    this.#secrets.add(secret)
    const [oldest] = this.#secrets
    if (this.#secrets.size > MAX_REMEMBERED && oldest !== undefined) this.#secrets.delete(oldest)
  }
}

/** What the values hold beside secrets: masking these would garble messages. */
const NO_SECRETS = new Set(['identity', 'identities', 'reserve'])

/**
 * Resolves the credentials of stored targets, and remembers what has to be masked.
 *
 * @param clock what tokens that are made on demand expire by
 */
export function createResolver(
  credentials: () => CredentialStore,
  mask: SecretMask,
  clock: TimeProvider = systemClock,
): CredentialResolver {
  return {
    async resolve({ authRef, spec }: TargetConfig, options = {}): Promise<TaskCredentials> {
      const { baseUrl } = spec
      const resolved = await credentials().resolve(authRef, headersOf(spec['headers']), {
        renew: options.renew,
        baseUrl: typeof baseUrl === 'string' ? baseUrl : undefined,
        clock,
        remember: (secret) => mask.remember(secret),
      })
      for (const [key, value] of Object.entries(resolved.values)) {
        if (!NO_SECRETS.has(key)) mask.remember(value)
      }
      return resolved
    },
    knows: ({ authRef, spec }) => credentials().has(authRef, headersOf(spec['headers'])),
    mask: (text) => mask.apply(text),
  }
}

/** The header references of a spec; a plug-in may mean something else by the word. */
function headersOf(headers: JsonValue | undefined): HeaderReferences | undefined {
  if (typeof headers !== 'object' || headers === null) return undefined
  const references = Object.values(headers).every(
    (value) => typeof value === 'object' && value !== null && '$ref' in value,
  )
  return references ? (headers as unknown as HeaderReferences) : undefined
}

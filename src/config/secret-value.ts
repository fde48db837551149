import type { TimeProvider } from '../domain/clock.ts'

/**
 * A secret, or how to get it: the value itself, a text with `${NAME}` in it,
 * which is read from the environment when used, or a function. The function is
 * asked before each use and should keep what it got; with `renew`, what it gave
 * last was refused, and it has to get another.
 */
export type SecretValue =
  string | ((request?: { readonly renew: boolean }) => string | Promise<string>)

/** What a credential is resolved for. */
export interface ResolveOptions {
  /** Whether what was given last is refused: providers are told, and an App's token is made anew. */
  readonly renew?: boolean | undefined
  /** The API that an App's tokens are for; GitHub's own unless told. */
  readonly baseUrl?: string | undefined
  /** What an App's tokens expire by; the system's unless told. */
  readonly clock?: TimeProvider | undefined
  /** Is told each secret that was read, those that are not handed out too, before it is used. */
  readonly remember?: ((secret: string) => void) | undefined
}

/** How the parts of a credential are read. */
export interface Reading {
  readonly read: (key: string, value: SecretValue) => Promise<string>
  readonly options: ResolveOptions
}

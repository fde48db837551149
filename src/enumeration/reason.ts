import { errorRecord } from '../domain/errors.ts'

/**
 * Why something failed, as a text that may be stored. What a source throws can
 * be anything, even something that cannot be read; that must not become a
 * second failure, of the whole walk.
 *
 * @param mask takes out of a text what must not be stored
 */
export function reasonOf(thrown: unknown, mask: (text: string) => string): string {
  try {
    return mask(errorRecord(thrown).message)
  } catch {
    return 'unknown error'
  }
}

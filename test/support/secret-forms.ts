import { isProxy } from 'node:util/types'
import { secretForms } from '../../src/testing/source-contract/secret-forms.ts'

export { secretForms }

/** Which of the secrets a text or a file's bytes hold, in whatever form. */
export function secretsIn(
  haystack: string | Buffer,
  secrets: Readonly<Record<string, string>>,
): string[] {
  return Object.entries(secrets)
    .filter(([, secret]) => secretForms(secret).some((form) => haystack.includes(form)))
    .map(([name]) => name)
}

/** Every text that can be reached from a value by properties, in maps, sets, errors and buffers too. */
export function reachableTexts(root: unknown): string[] {
  const seen = new Set<unknown>()
  const texts: string[] = []
  const queue: unknown[] = [root]
  for (let value = queue.pop(); value !== undefined || queue.length > 0; value = queue.pop()) {
    if (typeof value === 'string') texts.push(value)
    if ((typeof value !== 'object' && typeof value !== 'function') || value === null) continue
    if (seen.has(value) || value === globalThis || value === process || isProxy(value)) continue
    seen.add(value)
    if (Buffer.isBuffer(value)) texts.push(value.toString('latin1'))
    if (value instanceof Map) queue.push(...value.keys(), ...value.values())
    if (value instanceof Set) queue.push(...value)
    for (const key of Reflect.ownKeys(value)) {
      if (typeof key === 'string') texts.push(key)
      // A getter may do anything, and holds nothing.
      const described = Reflect.getOwnPropertyDescriptor(value, key)
      if (described !== undefined && 'value' in described) queue.push(described.value)
    }
  }
  return texts
}

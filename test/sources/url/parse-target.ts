import { urlSource } from '../../../src/sources/url/index.ts'

/** What a spec is parsed to, or its faults as `path: message`. */
export function parseTarget(spec: unknown): unknown {
  const result = urlSource().spec['~standard'].validate(spec)
  if (result instanceof Promise) throw new Error('asynchronous')
  if (!result.issues) return result.value
  return result.issues.map((issue) => `${issue.path?.join('.')}: ${issue.message}`)
}

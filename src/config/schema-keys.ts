import type { StandardJSONSchemaV1 } from '@standard-schema/spec'
import type { AnySource } from '../sources/source.ts'
import { isPlainObject } from './plain-data.ts'
import type { Path } from './problem.ts'

/**
 * The keys that a source's spec knows at a path, for suggestions and for
 * snake_case; `undefined` where its schema does not tell. Zod, Valibot and
 * ArkType tell through Standard JSON Schema.
 */
export function knownKeys(source: AnySource, path: Path = []): readonly string[] | undefined {
  let schemas: readonly JsonSchema[] = alternatives(jsonSchema(source))
  for (const part of path) {
    if (typeof part === 'number') return undefined
    schemas = schemas.flatMap((schema) => alternatives(schema.properties?.[part]))
  }
  const known = schemas.flatMap((schema) => Object.keys(schema.properties ?? {}))
  return known.length === 0 ? undefined : [...new Set(known)]
}

interface JsonSchema {
  readonly properties?: Readonly<Record<string, unknown>>
  readonly anyOf?: readonly unknown[]
  readonly oneOf?: readonly unknown[]
  readonly allOf?: readonly unknown[]
}

function alternatives(schema: unknown): JsonSchema[] {
  if (!isPlainObject(schema)) return []
  const { anyOf = [], oneOf = [], allOf = [] } = schema as JsonSchema
  return [schema as JsonSchema, ...[...anyOf, ...oneOf, ...allOf].flatMap(alternatives)]
}

const cache = new WeakMap<AnySource, unknown>()

function jsonSchema(source: AnySource): unknown {
  if (!cache.has(source)) cache.set(source, readJsonSchema(source))
  return cache.get(source)
}

function readJsonSchema(source: AnySource): unknown {
  const standard = source.spec['~standard'] as Partial<StandardJSONSchemaV1.Props>
  try {
    return standard.jsonSchema?.input({
      target: 'draft-2020-12',
      libraryOptions: { unrepresentable: 'any' },
    })
  } catch {
    // A schema that JSON Schema cannot express still validates; it only cannot suggest.
    return undefined
  }
}

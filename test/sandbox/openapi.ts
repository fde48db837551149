/** GitHub's own description of its REST API, as far as the tests ask about it. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv'
import addFormats from 'ajv-formats'

type Json = Record<string, unknown>

interface Operation {
  readonly parameters?: readonly Json[]
  readonly responses: Readonly<Record<string, Json>>
}

interface Description {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: Json
}

/** The public GitHub, the one for enterprises in the cloud, and the server of one's own. */
export type Edition = 'api.github.com' | 'ghec' | 'ghes-3.17'

const loaded = new Map<Edition, Description>()

const description = (edition: Edition = 'api.github.com'): Description => {
  const root = createRequire(import.meta.url).resolve('@octokit/openapi/package.json')
  const file = new URL(`generated/${edition}.json`, `file://${root}`)
  const read = loaded.get(edition) ?? (JSON.parse(readFileSync(file, 'utf8')) as Description)
  loaded.set(edition, read)
  return read
}

const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null

const at = (ref: string): Json =>
  ref
    .slice(2)
    .split('/')
    .reduce<unknown>((value, key) => (value as Json)[key], description()) as Json

const resolved = (value: Json): Json =>
  typeof value['$ref'] === 'string' ? at(value['$ref']) : value

/** OpenAPI 3.0 says `nullable` where JSON Schema has a type of its own for it. */
const translate = (schema: unknown): unknown => {
  if (Array.isArray(schema)) return schema.map(translate)
  if (!isObject(schema)) return schema
  const { nullable, discriminator: _discriminator, example: _example, ...rest } = schema
  const plain = Object.fromEntries(Object.entries(rest).map(([k, v]) => [k, translate(v)]))
  return nullable === true ? { anyOf: [plain, { type: 'null' }] } : plain
}

/** The schemas that a schema needs, by their place in the description. */
const needed = (schema: unknown, found: Record<string, unknown> = {}): Record<string, unknown> => {
  if (Array.isArray(schema)) for (const one of schema) needed(one, found)
  if (!isObject(schema)) return found
  const ref = schema['$ref']
  if (typeof ref === 'string' && !(ref in found)) {
    found[ref] = translate(at(ref))
    needed(found[ref], found)
  }
  for (const value of Object.values(schema)) needed(value, found)
  return found
}

/** Places are not ids: a `$ref` becomes a definition beside the schema. */
const bundled = (schema: unknown): Json => {
  const plain = translate(schema)
  const names = new Map(Object.keys(needed(plain)).map((ref) => [ref, ref.split('/').at(-1)]))
  const renamed = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(renamed)
    if (!isObject(value)) return value
    if (typeof value['$ref'] === 'string') {
      return { $ref: `#/definitions/${names.get(value['$ref'])}` }
    }
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, renamed(v)]))
  }
  const definitions = Object.fromEntries(
    Object.entries(needed(plain)).map(([ref, one]) => [names.get(ref), renamed(one)]),
  )
  return { ...(renamed(plain) as Json), definitions }
}

const ajv = new Ajv({ strict: false, allErrors: true })
;(addFormats as unknown as (to: Ajv) => void)(ajv)

const compiled = new Map<string, ValidateFunction>()

const operation = (method: string, template: string): Operation => {
  const found = description().paths[template]?.[method.toLowerCase()]
  if (!found) throw new Error(`GitHub describes no ${method} ${template}`)
  return found
}

/** The statuses that GitHub describes for a route. */
export const statusesOf = (method: string, template: string): readonly string[] =>
  Object.keys(operation(method, template).responses)

/** The names of a route's query parameters. */
export const queryParametersOf = (method: string, template: string): readonly string[] =>
  (operation(method, template).parameters ?? [])
    .map(resolved)
    .filter((parameter) => parameter['in'] === 'query')
    .map((parameter) => String(parameter['name']))

/** The values that `type` of an organisation's listing may have, in an edition of GitHub. */
export const typesIn = (edition: Edition): unknown =>
  description(edition)
    .paths['/orgs/{org}/repos']?.['get']?.parameters?.filter(({ name }) => name === 'type')
    .map((parameter) => (parameter['schema'] as Json)['enum'])[0]

/** The values that a query parameter may have, where they are listed. */
export const valuesOf = (method: string, template: string, name: string): unknown =>
  (operation(method, template).parameters ?? [])
    .map(resolved)
    .filter((parameter) => parameter['in'] === 'query' && parameter['name'] === name)
    .map((parameter) => (parameter['schema'] as Json)['enum'])[0]

/** What of a body is not as GitHub describes it; a refusal that a route does not describe is a basic error. */
export const problemsOf = (
  { method, template, status }: { method: string; template: string; status: number },
  body: unknown,
): readonly ErrorObject[] => {
  const key = `${method} ${template} ${status}`
  const response = operation(method, template).responses[status]
  const content = response && (resolved(response)['content'] as Record<string, Json> | undefined)
  const schema =
    content?.['application/json']?.['schema'] ??
    (status >= 300 ? { $ref: '#/components/schemas/basic-error' } : undefined)
  if (schema === undefined) throw new Error(`GitHub describes no body for ${key}`)
  const validate = compiled.get(key) ?? ajv.compile(bundled(schema))
  compiled.set(key, validate)
  return validate(body) ? [] : (validate.errors ?? [])
}

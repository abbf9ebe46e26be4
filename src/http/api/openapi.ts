import { z } from 'zod'
import { type RefusalCode, refusals } from './api-answer.ts'
import { refusalBody } from './api-schemas.ts'
import type { Endpoint } from './endpoint.ts'
import { type Example, examplesOf } from './examples.ts'
import { limitHeaderMeanings } from './limit-headers.ts'

type Json = Readonly<Record<string, unknown>>

const FORM = 'application/x-www-form-urlencoded'
const JSON_TYPE = 'application/json'

const meanings: Readonly<Record<RefusalCode, string>> = {
  INVALID_INPUT: 'Something given is not of the form expected; `fields` tells what',
  UNAUTHORIZED: 'Who asks is not known',
  FORBIDDEN: 'The user may not do this',
  NOT_FOUND: 'There is no such thing, or the user may not see it',
  METHOD_NOT_ALLOWED: 'The path has other methods',
  CONFLICT: 'Somebody else changed it at the same time',
  TOO_LARGE: 'The body is too large',
  UNSUPPORTED_MEDIA_TYPE: 'The body is of a type that is not taken',
  IDEMPOTENCY_MISMATCH: 'The Idempotency-Key was used for another request',
  TOO_MANY_REQUESTS: 'Too many requests; `Retry-After` tells when to come again',
  INTERNAL: 'A fault of the server',
  UNAVAILABLE: 'The server cannot serve this now; `Retry-After` tells when to come again',
}

export interface OpenApiOptions {
  readonly title: string
  readonly version: string
  /** How the outside reaches the server; undefined for wherever the description was read. */
  readonly serverUrl: string | undefined
}

/** The description of the API (OpenAPI 3.1), from the schemas that requests are checked by. */
export function openApi(endpoints: readonly Endpoint[], { title, version, serverUrl }: OpenApiOptions): Json {
  const paths = new Map<string, Record<string, unknown>>()
  for (const endpoint of endpoints) {
    const methods = paths.get(endpoint.path) ?? {}
    methods[endpoint.method.toLowerCase()] = operationOf(endpoint, examplesOf(endpoint, serverUrl))
    paths.set(endpoint.path, methods)
  }
  return {
    openapi: '3.1.0',
    info: { title: `${title}: the sending API`, version },
    servers: [{ url: serverUrl?.replace(/\/$/, '') ?? '/' }],
    security: [{ password: [] }, { key: [] }],
    tags: [
      { name: 'messages', description: 'Sending, and what became of it' },
      { name: 'people', description: 'Contacts and groups' },
      { name: 'account', description: 'Who is told of what happens' },
    ],
    paths: Object.fromEntries(paths),
    components: {
      securitySchemes: { password: { type: 'http', scheme: 'basic' }, key: { type: 'http', scheme: 'bearer' } },
      headers: Object.fromEntries(
        Object.entries({ ...limitHeaderMeanings, 'Retry-After': RETRY_MEANS }).map(([name, means]) => [
          name,
          header(means),
        ]),
      ),
      schemas: { Refusal: schemaOf(refusalBody, 'output') },
    },
  }
}

function operationOf(endpoint: Endpoint, examples: readonly Example[]): Json {
  const { id, tag, summary, params, query, body, takesKey } = endpoint
  const inPath = Object.entries(params).map(([name, description]) => ({
    name,
    in: 'path',
    required: true,
    description,
    schema: { type: 'string' },
  }))
  const key = { name: 'Idempotency-Key', in: 'header', required: false, description: KEY_MEANS, schema: KEY_SCHEMA }
  return {
    operationId: id,
    summary,
    description: `Roles: ${endpoint.roles.join(', ')}.`,
    tags: [tag],
    parameters: [...inPath, ...inQuery(query), ...(takesKey === true ? [key] : [])],
    ...(body === undefined ? {} : { requestBody: bodyOf(body) }),
    responses: { [endpoint.status]: answerOf(endpoint), ...refusalsOf(endpoint) },
    'x-codeSamples': examples.map(({ lang, source }) => ({ lang, source })),
  }
}

const KEY_MEANS = 'A text of yours for this request: asked again with it, nothing is sent or made again'
const KEY_SCHEMA = { type: 'string', minLength: 1, maxLength: 255 }

function inQuery(query: z.ZodType): readonly Json[] {
  const { properties = {}, required = [] } = schemaOf(query, 'input') as {
    readonly properties?: Readonly<Record<string, Json>>
    readonly required?: readonly string[]
  }
  return Object.entries(properties).map(([name, { description, ...schema }]) => ({
    name,
    in: 'query',
    required: required.includes(name),
    ...(description === undefined ? {} : { description }),
    schema,
  }))
}

function bodyOf(body: z.ZodType): Json {
  const schema = schemaOf(body, 'input')
  return { required: true, content: { [JSON_TYPE]: { schema }, [FORM]: { schema } } }
}

const RETRY_MEANS = 'Seconds after which to come again'

function header(description: string): Json {
  return { description, schema: { type: 'string' } }
}

function headersNamed(names: readonly string[]): Json {
  return Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]))
}

const LIMITS = headersNamed(Object.keys(limitHeaderMeanings))
const COME_AGAIN = headersNamed(['Retry-After'])
/** Said before it is known whose count the request belongs to. */
const UNCOUNTED: readonly RefusalCode[] = ['UNAUTHORIZED', 'FORBIDDEN']

function answerOf({ answer, headers = {} }: Endpoint): Json {
  const own = Object.fromEntries(Object.entries(headers).map(([name, description]) => [name, header(description)]))
  return {
    description: answer === undefined ? 'Done' : 'What was asked for',
    headers: { ...LIMITS, ...own },
    ...(answer === undefined ? {} : { content: { [JSON_TYPE]: { schema: schemaOf(answer, 'output') } } }),
  }
}

/** The codes that an endpoint may refuse with. */
export function codesOf({ body, params, refuses, query }: Endpoint): readonly RefusalCode[] {
  const hasParams = Object.keys(params).length > 0
  const hasInput = body !== undefined || query !== undefined
  return [
    ...(hasInput ? (['INVALID_INPUT'] as const) : []),
    'UNAUTHORIZED',
    'FORBIDDEN',
    ...(hasParams ? (['NOT_FOUND'] as const) : []),
    ...(body === undefined ? [] : (['CONFLICT', 'TOO_LARGE', 'UNSUPPORTED_MEDIA_TYPE'] as const)),
    ...refuses,
    'TOO_MANY_REQUESTS',
    'INTERNAL',
    'UNAVAILABLE',
  ]
}

function refusalsOf(endpoint: Endpoint): Json {
  const content = { [JSON_TYPE]: { schema: { $ref: '#/components/schemas/Refusal' } } }
  return Object.fromEntries(
    codesOf(endpoint).map((code) => {
      const headers = { ...(UNCOUNTED.includes(code) ? {} : LIMITS), ...(isTemporary(code) ? COME_AGAIN : {}) }
      const described = Object.keys(headers).length === 0 ? {} : { headers }
      return [refusals[code], { description: `\`${code}\`: ${meanings[code]}`, ...described, content }]
    }),
  )
}

function isTemporary(code: RefusalCode): boolean {
  return code === 'TOO_MANY_REQUESTS' || code === 'UNAVAILABLE'
}

function schemaOf(schema: z.ZodType, io: 'input' | 'output'): Json {
  const { $schema: _, ...json } = z.toJSONSchema(schema, { io, unrepresentable: 'any' })
  return json
}

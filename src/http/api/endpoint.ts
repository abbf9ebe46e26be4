import type { z } from 'zod'
import type { User, UserRole } from '../users/settings.ts'
import { type ApiAnswer, Refusal, type RefusalCode } from './api-answer.ts'
import type { Values } from './read-values.ts'

/** Whose count a request belongs to. */
export type LimitName = 'send' | 'read' | 'change'
export type ApiMethod = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

/** What an endpoint is asked, before its schemas have looked at it. */
export interface Asked {
  readonly user: User
  readonly params: Readonly<Record<string, string>>
  readonly query: Values
  readonly body: Values
  readonly idempotencyKey: string | undefined
}

/** The same, checked. */
export interface Checked<Query, Body> extends Omit<Asked, 'query' | 'body'> {
  readonly query: Query
  readonly body: Body
}

export interface EndpointWords {
  /** Names it in the description of the API. */
  readonly id: string
  readonly method: ApiMethod
  /** `{name}` stands for one segment, or for what stands before `.json` in it. */
  readonly path: string
  readonly summary: string
  readonly tag: 'messages' | 'people' | 'account'
  readonly limit: LimitName
  readonly roles: readonly UserRole[]
  /** Only for who may see all backends. */
  readonly allBackends?: boolean
  readonly takesKey?: boolean
  readonly params: Readonly<Record<string, string>>
  /** What it may refuse beside what every endpoint may. */
  readonly refuses: readonly RefusalCode[]
  /** How the fields of the router are called here. */
  readonly names?: Readonly<Record<string, string>>
  /** Headers of a good answer. */
  readonly headers?: Readonly<Record<string, string>>
}

export interface Endpoint extends EndpointWords {
  readonly query: z.ZodType
  readonly body: z.ZodType | undefined
  /** Undefined for 204. */
  readonly answer: z.ZodType | undefined
  readonly status: number
  /** @throws Refusal, and whatever the router throws */
  run(asked: Asked): Promise<ApiAnswer>
}

/** Ties a handler to its schemas: the same ones check what comes in and describe it. */
export function endpoint<Query extends z.ZodType, Body extends z.ZodType>(
  definition: EndpointWords & {
    readonly query: Query
    readonly body?: Body
    readonly answer?: z.ZodType
    readonly status?: number
    handle(checked: Checked<z.output<Query>, z.output<Body>>): Promise<Omit<ApiAnswer, 'status'>>
  },
): Endpoint {
  const { query, body, answer, handle, status = answer === undefined ? 204 : 200, ...words } = definition
  return {
    ...words,
    query,
    body,
    answer,
    status,
    async run({ query: givenQuery, body: givenBody, ...rest }) {
      const checked = {
        ...rest,
        query: checkedBy(query, givenQuery),
        body: (body === undefined ? undefined : checkedBy(body, givenBody)) as z.output<Body>,
      }
      return { status, ...(await handle(checked)) }
    },
  }
}

function checkedBy<Schema extends z.ZodType>(schema: Schema, given: Values): z.output<Schema> {
  const parsed = schema.safeParse(given)
  if (parsed.success) return parsed.data
  const fields: Record<string, string> = Object.create(null) as Record<string, string>
  for (const issue of parsed.error.issues) {
    const names = issue.code === 'unrecognized_keys' ? issue.keys : [String(issue.path[0] ?? '')]
    const message = issue.code === 'unrecognized_keys' ? 'there is no such field' : issue.message
    for (const name of names) fields[shortened(name)] ??= message
  }
  const told = Object.entries(fields).map(([name, message]) => (name === '' ? message : `${name}: ${message}`))
  throw new Refusal('INVALID_INPUT', told.slice(0, MOST_TOLD).join('; '), { fields: { ...fields } })
}

const MOST_TOLD = 10

function shortened(name: string): string {
  return name.length > 100 ? `${name.slice(0, 100)}…` : name
}

import type Router from '@koa/router'
import type Koa from 'koa'
import { version } from '../../messages/version.ts'
import { type Html, html } from '../console/html.ts'
import { refusals } from './api-answer.ts'
import { docsStyle } from './docs-style.ts'
import type { Endpoint } from './endpoint.ts'
import { examplesOf } from './examples.ts'
import { codesOf, openApi } from './openapi.ts'

const HEADERS = {
  'Content-Security-Policy':
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  'Referrer-Policy': 'no-referrer',
}

export interface DocsParts {
  readonly projectName: string
  readonly publicUrl: string | undefined
}

/** The description of the API: for programs at `/openapi.json`, for people at `/api/docs`. It tells nothing of the project. */
export class DocsPages {
  readonly #json: string
  readonly #page: string

  constructor(endpoints: readonly Endpoint[], { projectName, publicUrl }: DocsParts) {
    this.#json = JSON.stringify(openApi(endpoints, { title: projectName, version: version(), serverUrl: publicUrl }))
    this.#page = `<!doctype html>\n${pageOf(endpoints, projectName, publicUrl).text}\n`
  }

  readonly room = (router: Router): void => {
    router.get('/openapi.json', (ctx) => {
      // For tools that run on pages elsewhere; there is nothing to protect in it.
      ctx.set('Access-Control-Allow-Origin', '*')
      this.#write(ctx, 'application/json; charset=utf-8', this.#json)
    })
    router.get('/api/docs', (ctx) => this.#write(ctx, 'text/html; charset=utf-8', this.#page))
    router.get('/api/docs.css', (ctx) => this.#write(ctx, 'text/css; charset=utf-8', docsStyle))
  }

  #write(ctx: Koa.Context, type: string, body: string): void {
    ctx.set(HEADERS)
    ctx.set('Content-Type', type)
    ctx.body = body
  }
}

function pageOf(endpoints: readonly Endpoint[], projectName: string, publicUrl: string | undefined): Html {
  const links = endpoints.map(({ id, summary }) => html`<li><a href="#${id}">${summary}</a></li>`)
  return html`<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${projectName}: the sending API</title><link rel="stylesheet" href="/api/docs.css"></head>
<body><main>
<h1>${projectName}: the sending API</h1>
<p>Every request shows who asks: by <code>Authorization: Basic</code> with a name and a password, or by
<code>Authorization: Bearer</code> with a key. For programs, the same as OpenAPI: <a href="/openapi.json">/openapi.json</a>.</p>
<nav aria-label="Requests"><ul>${links}</ul></nav>
${endpoints.map((endpoint) => sectionOf(endpoint, publicUrl))}
</main></body></html>`
}

function sectionOf(endpoint: Endpoint, publicUrl: string | undefined): Html {
  const { id, method, path, summary, roles } = endpoint
  const codes = codesOf(endpoint).map((code) => html`<code>${refusals[code]} ${code}</code> `)
  const examples = examplesOf(endpoint, publicUrl).map(
    ({ label, source }) => html`<details><summary>${label}</summary><pre><code>${source}</code></pre></details>`,
  )
  return html`<section id="${id}">
<h2>${summary}</h2>
<p class="call"><strong>${method}</strong> <code>${path}</code></p>
<p>Roles: ${roles.join(', ')}.</p>
${tablesOf(endpoint)}
<p>Answers ${endpoint.status}, or refuses: ${codes}</p>
${examples}
</section>
`
}

/** What can be given, as the OpenAPI document has it. */
function tablesOf(endpoint: Endpoint): readonly Html[] {
  const { query, body } = endpoint
  return [['In the query', query] as const, ['In the body, as a form or as JSON', body] as const].flatMap(
    ([title, schema]) => {
      const fields = schema === undefined ? [] : fieldsOf(schema)
      if (fields.length === 0) return []
      const rows = fields.map(
        ({ name, isRequired, description }) =>
          html`<tr><td><code>${name}</code></td><td>${isRequired ? 'required' : ''}</td><td>${description}</td></tr>`,
      )
      return [html`<table><caption>${title}</caption><tbody>${rows}</tbody></table>`]
    },
  )
}

function fieldsOf(schema: NonNullable<Endpoint['body']>) {
  const { properties = {}, required = [] } = schema.toJSONSchema({ io: 'input', unrepresentable: 'any' })
  return Object.entries(properties).map(([name, property]) => ({
    name,
    isRequired: required.includes(name),
    description: typeof property === 'object' ? (property.description ?? '') : '',
  }))
}

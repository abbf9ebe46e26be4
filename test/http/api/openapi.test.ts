import { Validator } from '@seriousme/openapi-schema-validator'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { expect } from 'chai'
import { type Asking, askApi, serveApi } from '../../support/api.ts'
import type { Web } from '../../support/web.ts'

interface Operation {
  readonly operationId: string
  readonly parameters: readonly { readonly name: string; readonly in: string }[]
  readonly responses: Readonly<
    Record<
      string,
      { readonly content?: Readonly<Record<string, unknown>>; readonly headers?: Readonly<Record<string, unknown>> }
    >
  >
  readonly requestBody?: unknown
}

interface Document {
  readonly openapi: string
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
}

const CONTACT = { name: 'A', connections: [{ backend: 'clickatell', identity: '27123456780' }], groups: ['g'] }

describe('the description of the API', () => {
  let web: Web
  let document: Document
  let ajv: Ajv2020

  before(async () => {
    web = await serveApi({ api: { bodyLimit: 5_000, limits: { failures: { amount: 0 } } } })
    document = (await askApi(web, '/openapi.json', { as: null })).body
    ajv = new Ajv2020({ strict: false, validateFormats: false })
    ajv.addSchema(document, 'api')
  })

  after(() => web.stop())

  it('is a document of OpenAPI 3.1', async () => {
    const result = await new Validator().validate(JSON.parse(JSON.stringify(document)))
    expect(result).to.deep.equal({ valid: true })
    expect(document.openapi).to.equal('3.1.0')
  })

  it('names each request once, with what it takes in its path', () => {
    const ids = Object.values(document.paths).flatMap((methods) =>
      Object.values(methods).map((each) => each.operationId),
    )
    expect(new Set(ids).size).to.equal(ids.length)
    for (const [path, methods] of Object.entries(document.paths)) {
      const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name)
      for (const { parameters } of Object.values(methods)) {
        expect(parameters.filter((each) => each.in === 'path').map(({ name }) => name)).to.deep.equal(names)
      }
    }
  })

  it('has every POST take a key, by which it is done once', () => {
    for (const [path, { post }] of Object.entries(document.paths)) {
      if (post === undefined) continue
      const names = post.parameters.filter((each) => each.in === 'header').map(({ name }) => name)
      expect(names, path).to.deep.equal(['Idempotency-Key'])
      expect(Object.keys(post.responses), path).to.include.members(['409', '422'])
    }
  })

  /** Asks, and holds the answer against what the document has for its status. */
  async function check(template: string, path: string, asking: Asking = {}) {
    const answer = await askApi(web, path, asking)
    const method = (
      asking.method ?? (asking.json === undefined && asking.form === undefined ? 'GET' : 'POST')
    ).toLowerCase()
    const described = document.paths[template]?.[method]?.responses[answer.status]
    expect(described, `${method} ${template} ${answer.status} ${JSON.stringify(answer.body)}`).to.not.equal(undefined)
    const told = ['RateLimit', 'RateLimit-Policy', 'Retry-After'].filter((name) => answer.headers.has(name))
    expect(Object.keys(described?.headers ?? {}), `${path} ${answer.status}`).to.include.members(told)
    for (const name of told) expect(described?.headers?.[name]).to.deep.equal({ $ref: `#/components/headers/${name}` })
    if (answer.status < 300) expect(told).to.deep.equal(['RateLimit', 'RateLimit-Policy'])
    if (described?.content === undefined) {
      expect(answer.body).to.equal('')
      return answer
    }
    const pointer = [
      'paths',
      template,
      method,
      'responses',
      String(answer.status),
      'content',
      'application/json',
      'schema',
    ]
    const place = pointer.map((part) => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1'))).join('/')
    const isRight = ajv.validate({ $ref: `api#/${place}` }, answer.body)
    expect(isRight, `${ajv.errorsText()} ${JSON.stringify(answer.body)}`).to.equal(true)
    return answer
  }

  it('is true of what is answered', async () => {
    const sms = '/api/v1/sms/{backend}'
    const at = '/api/v1/sms/clickatell'
    const { body: sent } = await check(`${sms}/send.json`, `${at}/send.json`, {
      json: { to_msisdn: ['1', '2'], message: 'a' },
    })
    const pair = { to_msisdn: ['1'], template: '{{n}}', template_n: ['b'] }
    await check(`${sms}/template_send.json`, `${at}/template_send.json`, { json: pair })
    await check(`${sms}/status/{id}.json`, `${at}/status/${sent[0].id}.json`)
    await check(`${sms}/status.json`, `${at}/status.json`)
    await check('/api/v1/messages.json', '/api/v1/messages.json')
    const { body: made } = await check('/api/v1/contacts.json', '/api/v1/contacts.json', { json: CONTACT })
    await check('/api/v1/contacts.json', '/api/v1/contacts.json')
    const one = '/api/v1/contacts/{id}.json'
    await check(one, `/api/v1/contacts/${made.id}.json`)
    await check(one, `/api/v1/contacts/${made.id}.json`, { method: 'PATCH', json: { timeZone: 'Africa/Nairobi' } })
    const links = '/api/v1/contacts/{id}/connections.json'
    const connection = { backend: 'opera', identity: '27123456781' }
    await check(links, `/api/v1/contacts/${made.id}/connections.json`, { json: connection })
    const query = new URLSearchParams(connection)
    await check(links, `/api/v1/contacts/${made.id}/connections.json?${query}`, { method: 'DELETE' })
    await check('/api/v1/groups.json', '/api/v1/groups.json')
    const group = { name: 'n', ids: made.id }
    for (const status of [201, 409]) {
      const answer = await check('/api/v1/groups.json', '/api/v1/groups.json', { json: group })
      expect(answer.status).to.equal(status)
    }
    await check('/api/v1/groups/{group}/members.json', '/api/v1/groups/h/members.json', { json: { ids: [made.id] } })
    await check('/api/v1/groups/{group}/members.json', `/api/v1/groups/h/members.json?id=${made.id}`, {
      method: 'DELETE',
    })
    await check('/api/v1/groups/{group}.json', '/api/v1/groups/g.json', { method: 'PATCH', json: { name: 'i' } })
    await check('/api/v1/groups/{group}.json', '/api/v1/groups/i.json', { method: 'DELETE' })
    await check(one, `/api/v1/contacts/${made.id}.json`, { method: 'DELETE' })
    const callbacks = '/api/v1/account/callbacks'
    const callback = { name: 'sms_received', url: 'http://1.1.1.1/in', backend: 'opera' }
    const { body: told } = await check(`${callbacks}.json`, `${callbacks}.json`, { json: callback })
    await check(`${callbacks}.json`, `${callbacks}.json`)
    await check(`${callbacks}/{id}.json`, `${callbacks}/${told.id}.json`)
    await check(`${callbacks}/{id}/dead.json`, `${callbacks}/${told.id}/dead.json`)
    await check(`${callbacks}/{id}/replay.json`, `${callbacks}/${told.id}/replay.json`, { json: {} })
    const change = { method: 'PUT', json: { new_secret: true, backend: null } }
    await check(`${callbacks}/{id}.json`, `${callbacks}/${told.id}.json`, change)
    await check(`${callbacks}/{id}.json`, `${callbacks}/${told.id}.json`, { method: 'DELETE' })
  })

  it('is true of what is refused', async () => {
    const template = '/api/v1/sms/{backend}/send.json'
    const path = '/api/v1/sms/clickatell/send.json'
    const json = { to_msisdn: '1', message: 'a' }
    const found = [
      await check(template, path, { json: {} }),
      await check(template, path, { json, as: null }),
      await check(template, path, { json, as: 'rea' }),
      await check(template, '/api/v1/sms/none/send.json', { json }),
      await check(template, path, { json: { ...json, message: 'x'.repeat(6_000) } }),
      await check(template, path, { method: 'POST', body: 'x', headers: { 'Content-Type': 'text/plain' } }),
    ]
    expect(found.map(({ status }) => status)).to.deep.equal([400, 401, 403, 404, 413, 415])
  })

  it('has no request that its schema takes and the server does not, for the examples', async () => {
    const methods = document.paths['/api/v1/sms/{backend}/send.json']
    const body = methods?.['post']?.requestBody as { content: Record<string, { schema: object }> }
    const schema = body.content['application/json']?.schema ?? {}
    expect(ajv.validate(schema, { to_msisdn: ['27123456789'], message: 'hi' })).to.equal(true)
    expect(ajv.validate(schema, { message: 'hi' })).to.equal(false)
    expect(ajv.validate(schema, { to_msisdn: ['27123456789'], message: 'hi', else: 1 })).to.equal(false)
  })

  it('is a page for people, which loads nothing from elsewhere', async () => {
    const { status, headers, body } = await askApi(web, '/api/docs', { as: null })
    expect(status).to.equal(200)
    expect(headers.get('content-security-policy')).to.match(/^default-src 'none'; style-src 'self'/)
    expect(body).to.not.match(/<script|style="|(src|href)="(https?:)?\/\//)
    for (const methods of Object.values(document.paths)) {
      for (const { operationId } of Object.values(methods)) expect(body).to.include(`id="${operationId}"`)
    }
    for (const language of ['curl', 'TypeScript', 'Python']) expect(body).to.include(`<summary>${language}</summary>`)
    const css = await askApi(web, '/api/docs.css', { as: null })
    expect(css.headers.get('content-type')).to.match(/^text\/css/)
  })

  it('tells nothing of the project', async () => {
    const page = (await askApi(web, '/api/docs', { as: null })).body as string
    const all = JSON.stringify(document) + page
    for (const word of ['ann', 'sam', 'ofo', 'program', 'scrypt']) expect(all).to.not.match(new RegExp(`\\b${word}\\b`))
  })
})

import { expect } from 'chai'
import Koa from 'koa'
import { httpBackend } from '../../src/backends/index.ts'
import { koaMiddleware } from '../../src/http/index.ts'
import { InvalidInputError, SettingsError } from '../../src/index.ts'
import { postForm } from '../support/example.ts'
import { serveWeb, type WebOptions } from '../support/web.ts'

const backends = { one: httpBackend(), other: httpBackend() }
const hello = { identity: '1', text: 'x' }

async function statuses(listener: NonNullable<WebOptions['listener']>, paths: readonly string[]) {
  const web = await serveWeb({ backends }, { listener })
  try {
    const found: number[] = []
    for (const path of paths) found.push((await postForm(`${web.url}${path}`, hello))[0])
    return { found, log: web.log() }
  } finally {
    await web.stop()
  }
}

describe('mounting', () => {
  it('the views of one backend hang under the prefix, with or without its slash', async () => {
    for (const prefix of ['/own/sms', '/own/sms/']) {
      const paths = ['/own/sms/', '/own/sms', '/backends/one/', '/backends/other/', '/own/']
      const { found } = await statuses((switchboard) => switchboard.views('one', { prefix }), paths)
      expect(found).to.deep.equal([200, 200, 404, 404, 404])
    }
  })

  it('what is not ours goes to the next one', async () => {
    const { found } = await statuses(
      (switchboard) => {
        const callback = switchboard.callback()
        return (req, res) => callback(req, res, () => res.writeHead(418).end())
      },
      ['/backends/one/', '/backends/none/', '/healthz', '/'],
    )
    expect(found).to.deep.equal([200, 418, 405, 418])
  })

  it('refuses a prefix that is no path, and a backend that is not there', async () => {
    const web = await serveWeb({ backends })
    try {
      expect(() => web.switchboard.views('one', { prefix: 'sms' })).to.throw(InvalidInputError, /begins with \//)
      expect(() => web.switchboard.views('none', { prefix: '/' })).to.throw(SettingsError, /backends\.none/)
    } finally {
      await web.stop()
    }
  })

  it('in Koa: errors of the middleware after it reach the one before it', async () => {
    const caught: unknown[] = []
    const { found } = await statuses(
      (switchboard) =>
        new Koa()
          .use(async (ctx, next) => {
            try {
              await next()
            } catch (error) {
              caught.push(error)
              ctx.status = 418
            }
          })
          .use(koaMiddleware(switchboard.callback()))
          .use(() => {
            throw new Error('no tea')
          })
          .callback(),
      ['/backends/one/', '/tea'],
    )
    expect(found).to.deep.equal([200, 418])
    expect(String(caught)).to.equal('Error: no tea')
  })

  it('after a body parser: 500, and the log says what to change', async () => {
    const { found, log } = await statuses(
      (switchboard) => (req, res) => {
        const callback = switchboard.callback()
        req.resume().once('end', () => callback(req, res))
      },
      ['/backends/one/'],
    )
    expect(found).to.deep.equal([500])
    expect(log).to.include('mount Switchboard before body parsers')
  })
})

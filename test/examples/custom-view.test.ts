import { expect } from 'chai'
import { postForm, serveExample } from '../support/example.ts'
import { until } from '../support/until.ts'
import type { Web } from '../support/web.ts'

describe('the example custom-view', () => {
  let web: Web
  before(async () => {
    web = await serveExample('custom-view')
  })
  after(() => web.stop())

  it('takes phone and message', async () => {
    const url = `${web.url}/backends/customhttp/`
    expect(await postForm(url, { phone: '1112223333', message: 'ping' })).to.deep.equal([200, 'OK'])
    const message = await until('the message', () => web.messages[0])
    expect(message).to.include({ backend: 'customhttp', identity: '1112223333', text: 'ping' })
  })

  it('refuses identity and text, under the names it uses', async () => {
    const answer = await postForm(`${web.url}/backends/customhttp/`, { identity: '1112223333', text: 'ping' })
    expect(answer).to.deep.equal([400, '{"errors":{"phone":["is required"],"message":["is required"]}}'])
  })
})

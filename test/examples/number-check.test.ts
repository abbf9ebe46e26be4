import { expect } from 'chai'
import { postForm, serveExample } from '../support/example.ts'
import { until } from '../support/until.ts'
import type { Web } from '../support/web.ts'

describe('the example number-check', () => {
  let web: Web
  before(async () => {
    web = await serveExample('number-check')
  })
  after(() => web.stop())

  it('takes messages from its number', async () => {
    const url = `${web.url}/backends/onlytextme/`
    expect(await postForm(url, { identity: '1231231234', text: 'ping' })).to.deep.equal([200, 'OK'])
    expect((await until('the message', () => web.messages[0])).identity).to.equal('1231231234')
  })

  it('refuses all others', async () => {
    const seen = web.messages.length
    const answer = await postForm(`${web.url}/backends/onlytextme/`, { identity: '1112223333', text: 'ping' })
    const text = 'SMS received from number other than 1231231234'
    expect(answer).to.deep.equal([400, JSON.stringify({ errors: { identity: [text] } })])
    expect(web.messages).to.have.length(seen)
  })
})

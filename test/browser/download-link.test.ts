import { expect } from 'chai'
import type { Page } from 'playwright-core'
import { startBrowser, type TestBrowser, whyNoBrowser } from '../support/chromium.ts'
import { runExample } from '../support/example.ts'
import { type FarSide, farSide } from '../support/far-side.ts'
import type { RunningServer } from '../support/process.ts'
import { network, serveProxy } from '../support/proxy.ts'
import { skip } from '../support/skip.ts'

describe('the public proxy in a browser', function () {
  this.timeout(60_000)
  let browser: TestBrowser
  let page: Page
  const complaints: string[] = []

  before(async function () {
    const why = whyNoBrowser()
    if (why !== undefined) skip(this, why)
    browser = await startBrowser({ locale: 'en-US' })
    browser.context.setDefaultTimeout(10_000)
    page = browser.context.pages()[0] ?? (await browser.context.newPage())
    page.on('pageerror', (error) => complaints.push(String(error)))
    page.on('console', (line) => line.type() === 'error' && complaints.push(line.text()))
  })
  after(() => browser?.close())

  describe('the example download-link', () => {
    let example: RunningServer
    before(async () => {
      example = await runExample('download-link')
      await page.goto(example.url)
    })
    after(() => example?.stop())

    const receiver = () => page.getByLabel('Your mobile number')
    const send = () => page.getByRole('button', { name: 'Send me the link' }).click()
    const says = (text: string) => page.getByRole('status').getByText(text).waitFor()

    it('understands a number before it is sent, and sends', async () => {
      await receiver().fill('0176 12345678')
      await receiver().press('Tab')
      await says('We understand +49 176 12345678.')
      await send()
      await says('The link is on its way to +49 176 12345678.')
    })

    it('says what is wrong', async () => {
      await receiver().fill('hello')
      await send()
      await says('This is not a mobile number.')
    })

    it('says when it was often enough', async () => {
      for (let time = 0; time < 8; time++) {
        await send()
        await page.locator('button:enabled').waitFor()
      }
      await send()
      await says('That was often enough for now.')
    })

    it('is used by keyboard alone, past the field for programs', async () => {
      await page.reload()
      await receiver().focus()
      await page.keyboard.press('Tab')
      expect(await page.evaluate('document.activeElement.tagName')).to.equal('BUTTON')
    })

    it('gives the browser nothing to complain of', () => {
      expect(complaints.splice(0)).to.deep.equal([])
    })
  })

  describe('from the page of another site', () => {
    let shop: FarSide
    before(async () => {
      shop = await farSide()
    })
    after(() => shop?.stop())

    async function visit(): Promise<void> {
      shop.answer({ headers: { 'content-type': 'text/html' }, body: '<title>shop</title>' })
      await page.goto(`${shop.url}/shop`)
    }

    it('answers where the settings name the site, and sends nothing where they do not', async () => {
      const { sent, backend } = network()
      const [open, closed] = [await serveProxy({ origins: [shop.url] }, { backend }), await serveProxy({}, { backend })]
      await visit()
      const headers = "{ headers: { 'Content-Type': 'application/json' } }"
      const asked = (url: string, init = '{}') =>
        page.evaluate(
          `fetch('${url}/message/?receiver=017612345678', ${init}).then((a) => a.json()).catch((e) => e.name)`,
        )
      const sentAnswer = { status: 'ok', message: 'Message sent', number: '+49 176 12345678' }
      expect(await asked(open.url)).to.deep.equal(sentAnswer)
      expect(await asked(open.url, headers)).to.deep.equal(sentAnswer)
      expect(await asked(closed.url)).to.equal('TypeError')
      expect(await asked(closed.url, "{ mode: 'no-cors' }")).to.not.deep.equal(sentAnswer)
      await page.evaluate(`new Promise((done) => {
        const image = new Image()
        image.onload = image.onerror = done
        image.src = '${closed.url}/message/?receiver=017612345678'
      })`)
      await Promise.all([open.stop(), closed.stop()])
      expect(sent).to.have.length(2)
    })

    it('answers by JSONP, errors too, and gives no script otherwise', async () => {
      const web = await serveProxy({ jsonp: true, compat: false })
      await visit()
      const load = (query: string) =>
        page.evaluate(`new Promise((resolve) => {
          window.show = resolve
          const script = document.createElement('script')
          script.onerror = () => resolve('no script')
          script.src = '${web.url}/message/?${query}'
          document.head.append(script)
        })`)
      expect(await load('receiver=017612345678&callback=show')).to.include({ message: 'Message sent' })
      expect(await load('callback=show')).to.deep.equal({ status: 'error', error: 'receiver_missing' })
      expect(await load('receiver=017612345678&callback=alert(1)')).to.equal('no script')
      await web.stop()
    })
  })
})

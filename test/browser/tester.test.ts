import { expect } from 'chai'
import type { Page } from 'playwright-core'
import { echo, keyword, ping } from '../../src/apps/index.ts'
import { httptester } from '../../src/backends/index.ts'
import { startBrowser, type TestBrowser, whyNoBrowser } from '../support/chromium.ts'
import { skip } from '../support/skip.ts'
import { until } from '../support/until.ts'
import { serveWeb, type Web } from '../support/web.ts'

const HOSTILE = '<img src=x onerror="document.title=`hacked`"><script>document.title="hacked"</script>'

describe('the tester page in a browser', function () {
  this.timeout(60_000)
  let web: Web
  let browser: TestBrowser
  let page: Page
  const complaints: string[] = []

  before(async function () {
    const why = whyNoBrowser()
    if (why !== undefined) skip(this, why)
    const boom = keyword('boom', () => {
      throw new Error('the app broke')
    })
    web = await serveWeb({
      backends: { httptester: httptester() },
      apps: [boom, ping(), echo()],
      retry: { attempts: 1 },
    })
    browser = await startBrowser({ viewport: { width: 1280, height: 800 } })
    browser.context.setDefaultTimeout(10_000)
    page = browser.context.pages()[0] ?? (await browser.context.newPage())
    page.on('pageerror', (error) => complaints.push(String(error)))
    page.on('console', (line) => line.type() === 'error' && complaints.push(line.text()))
    await page.goto(web.switchboard.testerLink(web.url) ?? '')
  })
  after(async () => {
    await browser?.close()
    await web?.stop()
  })

  const log = () => page.getByRole('log')
  const box = () => page.getByLabel('Message', { exact: true })
  const texts = () => log().locator('.text').allTextContents()
  const identity = () => page.locator('#who').textContent()

  async function invent(): Promise<string> {
    const before = await identity()
    await page.getByRole('button', { name: 'Invent a number' }).click()
    return until('another number', async () => {
      const now = await identity()
      return now !== before && now !== null && now
    })
  }

  async function answered(text: string): Promise<void> {
    await log().locator('[data-direction=out] .text', { hasText: text }).last().waitFor()
  }

  it('opens by its link, without the key in the address', async () => {
    expect(page.url()).to.equal(`${web.url}/console/tester`)
    expect(await page.title()).to.equal('Tester · Switchboard')
    await page.locator('#live[data-live=yes]').waitFor()
  })

  it('invents a number, sends, and shows the answer without loading again', async () => {
    expect(await invent()).to.match(/^1\d{3}55501\d\d$/)
    await page.evaluate("document.body.dataset.samePage = 'yes'")
    await box().fill('echo hello')
    await page.getByRole('button', { name: 'Send', exact: true }).click()
    await answered('hello')
    expect(await texts()).to.deep.equal(['echo hello', 'hello'])
    await log().getByText('PROCESSED').waitFor()
    await log().getByText('DELIVERED').waitFor()
    expect(await page.locator('body').getAttribute('data-same-page')).to.equal('yes')
    expect(await box().inputValue()).to.equal('')
  })

  it('keeps conversations apart, with drafts, and marks what is new', async () => {
    const first = (await identity()) ?? ''
    await box().fill('not sent yet')
    const second = await invent()
    expect(await texts()).to.deep.equal([])
    await box().fill('ping')
    await box().press('Enter')
    await answered('pong')
    await web.switchboard.router.send({ to: { backend: 'httptester', identity: first }, text: 'news' })
    const link = page.getByRole('link', { name: first })
    await link.getByText('1 new').waitFor()
    expect(await page.title()).to.equal('(1) Tester · Switchboard')
    await link.click()
    await answered('news')
    expect(await texts()).to.deep.equal(['echo hello', 'hello', 'news'])
    expect(await box().inputValue()).to.equal('not sent yet')
    expect(await page.title()).to.equal('Tester · Switchboard')
    await page.goBack()
    await answered('pong')
    expect(await identity()).to.equal(second)
    await page.reload()
    await answered('pong')
    expect(await texts()).to.deep.equal(['ping', 'pong'])
  })

  it('uploads a file of messages, worked in their order', async () => {
    await invent()
    await page.getByText('Send a file of messages').click()
    const buffer = Buffer.from('echo one\necho two – ü\necho three\n')
    await page.locator('#file').setInputFiles({ name: 'lines.txt', mimeType: 'text/plain', buffer })
    await page.getByRole('button', { name: 'Send all' }).click()
    await page.getByText('3 messages sent.').waitFor()
    await answered('three')
    const all = await texts()
    expect(all.filter((text) => text.startsWith('echo'))).to.deep.equal(['echo one', 'echo two – ü', 'echo three'])
    expect(all.filter((text) => !text.startsWith('echo'))).to.deep.equal(['one', 'two – ü', 'three'])
  })

  it('says what is wrong with a file', async () => {
    await page.getByText('Send a file of messages').click()
    const buffer = Buffer.from([0x61, 0xff])
    await page.locator('#file').setInputFiles({ name: 'lines.txt', mimeType: 'text/plain', buffer })
    await page.getByRole('button', { name: 'Send all' }).click()
    await page.getByRole('alert').getByText('The file is not plain text in UTF-8').waitFor()
    // The refusal itself is a line in the browser's console.
    expect(complaints.splice(0)).to.have.length(1)
  })

  it('shows hostile text as text, live and after loading', async () => {
    await page.getByLabel('or open one of your own').fill(HOSTILE)
    await page.getByLabel('or open one of your own').press('Enter')
    await box().fill(`echo ${HOSTILE}`)
    await box().press('Enter')
    await answered(HOSTILE)
    expect(await texts()).to.deep.equal([`echo ${HOSTILE}`, HOSTILE])
    await page.reload()
    await answered(HOSTILE)
    expect(await texts()).to.deep.equal([`echo ${HOSTILE}`, HOSTILE])
    expect(await identity()).to.equal(HOSTILE)
    expect(await page.locator('main img, main script').count()).to.equal(0)
    expect(await page.title()).to.equal('Tester · Switchboard')
  })

  it('shows a failure with its error', async () => {
    await box().fill('boom')
    await box().press('Enter')
    await log().getByText('FAILED').waitFor()
    await log().getByText('Error: the app broke').waitFor()
  })

  it('serves a keyboard alone', async () => {
    await page.goto(`${web.url}/console/tester`)
    await page.locator('#live[data-live=yes]').waitFor()
    await page.getByRole('button', { name: 'Invent a number' }).focus()
    await page.keyboard.press('Enter')
    await page.locator('#text:focus').waitFor()
    await page.keyboard.type('echo first')
    await page.keyboard.press('Shift+Enter')
    await page.keyboard.type('second')
    await page.keyboard.press('Enter')
    await answered('first')
    expect((await texts())[0]).to.equal('echo first\nsecond')
    await page.getByRole('list').getByRole('link').first().focus()
    await page.keyboard.press('Enter')
    await page.locator('#text:focus').waitFor()
  })

  it('fits a phone: the list, then the conversation, and back', async () => {
    await page.setViewportSize({ width: 375, height: 720 })
    await page.goto(`${web.url}/console/tester`)
    expect(await box().isVisible()).to.equal(false)
    await invent()
    expect(await page.getByRole('button', { name: 'Invent a number' }).isVisible()).to.equal(false)
    await box().fill('ping')
    await box().press('Enter')
    await answered('pong')
    const width = await page.evaluate('document.documentElement.scrollWidth')
    expect(width).to.equal(375)
    await page.getByRole('link', { name: 'Conversations' }).click()
    await page.getByRole('button', { name: 'Invent a number' }).waitFor()
  })

  it('goes on by itself after the streams have ended', async () => {
    await page.setViewportSize({ width: 1280, height: 800 })
    const who = await invent()
    await web.switchboard.stop()
    await page.locator('#live[data-live=no]').waitFor()
    await web.switchboard.start()
    await page.locator('#live[data-live=yes]').waitFor({ timeout: 20_000 })
    await web.switchboard.router.send({ to: { backend: 'httptester', identity: who }, text: 'still here' })
    await answered('still here')
    complaints.splice(0)
  })

  it('opens no link twice', async () => {
    const link = web.switchboard.testerLink(web.url) ?? ''
    const others = await startBrowser()
    try {
      const other = await others.context.newPage()
      await other.goto(link)
      await other.getByRole('button', { name: 'Invent a number' }).waitFor()
      await others.context.clearCookies()
      const again = await other.goto(link)
      expect(again?.status()).to.equal(403)
      await other.getByRole('heading', { name: 'A link is needed' }).waitFor()
    } finally {
      await others.close()
    }
  })

  it('has given the browser nothing to complain of', () => {
    expect(complaints).to.deep.equal([])
  })
})

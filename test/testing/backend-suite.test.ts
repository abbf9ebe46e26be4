import { expect } from 'chai'
import { z } from 'zod'
import { defineBackend, secret } from '../../src/backends/index.ts'
import { MessageSendError } from '../../src/index.ts'
import { type BackendTable, describeBackend } from '../../src/testing/index.ts'

/** Runs the suite of a table with a runner of our own; gives the titles of what failed. */
async function failuresOf(table: BackendTable): Promise<readonly string[]> {
  const tests: { title: string; body: () => Promise<void> }[] = []
  const [befores, afters]: (() => Promise<void>)[][] = [[], []]
  describeBackend(table, {
    describe: (_title, body) => body(),
    it: (title, body) => tests.push({ title, body }),
    before: (body) => befores?.push(body),
    after: (body) => afters?.push(body),
  })
  for (const body of befores ?? []) await body()
  const failed: string[] = []
  for (const { title, body } of tests) await body().catch(() => failed.push(title))
  for (const body of afters ?? []) await body()
  return failed
}

const settings = z.strictObject({ url: z.string(), key: secret(z.string()) })
const key = 's3cret-key'
const rows = [{ label: 'sends', send: {}, answers: [{ body: 'ok' }], requests: [{}] }]

describe('the suite for backends', () => {
  it('passes one that is right', async () => {
    const right = defineBackend({
      kind: 'right',
      settings,
      async send(_message, { settings: { url }, http }) {
        const { status, text } = await http.request({ url })
        if (status !== 200) throw new MessageSendError(`The service answered ${status}.`)
        return { externalIds: [text()] }
      },
    })
    const failed = await failuresOf({
      name: 'b',
      backend: (url) => right({ url, key }),
      secrets: [key],
      outgoing: rows,
    })
    // It takes a failing service for one that refuses the message.
    expect(failed).to.deep.equal(['tries again later when the service fails'])
  })

  it('finds a secret in an error, an answer that nobody asked for and an error of its own', async () => {
    const leaky = defineBackend({
      kind: 'leaky',
      settings,
      async send(_message, { settings: { url, key }, http }) {
        const answer = await http.request({ url })
        if (answer.text() === 'bad') throw new MessageSendError(`refused ${key}`)
        return { externalIds: [String(JSON.parse(answer.text()).id.length)] }
      },
    })
    const failed = await failuresOf({
      name: 'b',
      backend: (url) => leaky({ url, key }),
      secrets: [key],
      outgoing: [
        { label: 'sends', send: {}, answers: [{ body: '{"id":"1"}' }], requests: [{}] },
        { label: 'asks once', send: {}, answers: [{ body: '{"id":"1"}' }, {}], requests: [{}] },
        { label: 'refuses', send: {}, answers: [{ body: 'bad' }], requests: [{}], error: { code: 'MESSAGE_SEND' } },
      ],
    })
    expect(failed).to.include.members(['asks once', 'refuses', 'says so when it is answered with nonsense'])
    expect(failed).not.to.include('sends')
  })
})

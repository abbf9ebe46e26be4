import { expect } from 'chai'
import { defineBackend, plainAnswer } from 'sms-switchboard/backends'
import { testSwitchboard } from 'sms-switchboard/testing'
import { z } from 'zod'

describe('the address for reports', () => {
  const seen: (string | undefined)[] = []
  const reporting = defineBackend({
    kind: 'reporting',
    settings: z.strictObject({}),
    views: { status: async () => plainAnswer('OK') },
    async send(_, { urls }) {
      seen.push(urls.status)
      return {}
    },
  })

  const secret = { in: 'path', value: 'open-sesame' } as const
  const rows = [
    { what: 'by convention', input: {}, path: '/backends/r/status' },
    { what: 'below a path', input: { path: '/24fb0d6963f/' }, path: '/24fb0d6963f/status' },
    { what: 'below a path without a slash at its end', input: { path: '/24fb0d6963f' }, path: '/24fb0d6963f/status' },
    { what: 'behind a secret', input: { path: '/x', secret }, path: '/x/open-sesame/status' },
    { what: 'at a path of its own', input: { paths: { status: '/reports' } }, path: '/reports' },
  ]
  for (const { what, input, path } of rows) {
    it(`${what} is the one its view answers at`, async () => {
      const http = { publicUrl: 'https://sms.example.org' }
      const t = await testSwitchboard({ apps: [], backends: { r: reporting(input) }, settings: { http } })
      await t.send({ to: '1', text: 'x' })
      await t.stop()
      expect(seen.splice(0)).to.deep.equal([`https://sms.example.org${path}`])
      expect(t.switchboard.routes.map((route) => route.path)).to.deep.equal([path])
    })
  }
})

describe('a report with a code that is not known', () => {
  it('is told in the log once for each code', async () => {
    const t = await testSwitchboard({ apps: [] })
    for (const code of ['77', '77', '78', '77']) await t.router.report('fake', { externalId: 'x', code })
    const codes = t.logs.filter(({ level }) => level === 'warn').map(({ fields }) => fields)
    await t.stop()
    expect(codes).to.deep.equal([
      { backend: 'fake', code: '77' },
      { backend: 'fake', code: '78' },
    ])
  })
})

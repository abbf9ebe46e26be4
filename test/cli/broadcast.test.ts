import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { broadcastLines } from '../../src/cli/broadcast-file.ts'
import { InvalidInputError } from '../../src/messages/errors.ts'
import type { BroadcastTo } from '../../src/router/broadcast-request.ts'
import { rejection } from '../support/rejection.ts'
import { createSite, type Site } from '../support/server-process.ts'
import { until } from '../support/until.ts'

const LIMIT_MS = 120_000

async function* bytes(text: string | Uint8Array): AsyncGenerator<Uint8Array> {
  yield typeof text === 'string' ? Buffer.from(text) : text
}

async function read(text: string | Uint8Array, options = {}): Promise<BroadcastTo[]> {
  const lines: BroadcastTo[] = []
  for await (const line of broadcastLines(bytes(text), options)) lines.push(line)
  return lines
}

describe('the file of a broadcast', () => {
  it('has a number in each line', async () => {
    expect(await read('+254 700 000 001\r\n\r\n0700-000-002\n')).to.deep.equal([
      { to: '+254 700 000 001', position: 1 },
      { to: '0700-000-002', position: 3 },
    ])
  })

  it('is CSV with a header, of which the columns are values of the text; what is empty has none', async () => {
    const text = '\ufeffname;Phone;note\n"Ann, B";254700000001;\nBo;"254700000002";"two\nlines"\n'
    expect(await read(text, { text: 'Hi {{ name }}' })).to.deep.equal([
      { to: '254700000001', params: { name: 'Ann, B', Phone: '254700000001' }, position: 2 },
      { to: '254700000002', params: { name: 'Bo', Phone: '254700000002', note: 'two\nlines' }, position: 3 },
    ])
  })

  it('has its numbers in the column that is named, or in the first', async () => {
    expect(await read('who,other\n1,254700000001\n', { column: 'other' })).to.deep.include.members([
      { to: '254700000001', params: { who: '1', other: '254700000001' }, position: 2 },
    ])
    expect((await read('who,other\n254700000001,x\n'))[0]).to.deep.include({ to: '254700000001' })
  })

  it('has lines that are faults, and stop nobody else', async () => {
    const plain = await read('254700000001\n254700000002,254700000003\n254700000004\n')
    expect(plain.map((line) => Object.keys(line as object)[0])).to.deep.equal(['to', 'fault', 'to'])
    const wide = await read('number,name\n254700000001,Ann,more\n254700000002\n')
    expect(wide[0]).to.have.property('fault')
    expect(wide[1]).to.deep.equal({ to: '254700000002', params: { number: '254700000002' }, position: 3 })
  })

  for (const [what, [text, options]] of Object.entries<[string | Uint8Array, object]>({
    'nothing in it': ['', {}],
    'a column twice': ['number,name,name\n1,2,3\n', {}],
    'a column that is not there': ['number\n254700000001\n', { column: 'phone' }],
    'no columns, and a text with places': ['254700000001\n', { text: 'Hi {{ name }}' }],
    'a text that is no template': ['number\n254700000001\n', { text: 'Hi {{ name' }],
    'a quote that nobody closes': [`number,name\n254700000001,"${'x'.repeat(200_000)}\n`, {}],
    'bytes that are no text': [Buffer.from([0x6e, 0x0a, 0xff, 0xfe, 0xfd, 0x0a]), {}],
  })) {
    it(`is refused with ${what}`, async () => {
      expect(await rejection(read(text, options))).to.be.instanceOf(InvalidInputError)
    })
  }
})

describe('switchboard broadcast', function () {
  this.timeout(LIMIT_MS)
  let site: Site

  beforeEach(() => {
    site = createSite({
      settings: `
        import { defineSettings } from 'sms-switchboard'
        import { httpBackend } from 'sms-switchboard/backends'
        export default defineSettings({
          backends: { gateway: httpBackend({ send: async (message) => ({ externalIds: [message.id] }) }) },
          apps: [],
        })`,
    })
  })
  afterEach(() => site.remove())

  const file = (name: string, text: string) => {
    const path = join(site.folder, name)
    writeFileSync(path, text)
    return path
  }
  const idIn = (stdout: string) => /^(\S+) recorded/m.exec(stdout)?.[1] ?? ''

  it('sends everybody of a file the text beside a running server, and waits for it', async () => {
    const server = await site.start()
    try {
      const path = file(
        'people.csv',
        'number,name\n+254700000001,Ann\nnobody,Bo\n+254700000001,Ann\n+254700000003,Cy\n',
      )
      const done = await site.run('broadcast', path, '--text', 'Hi {{ name }}', '--name', 'greeting', '--wait')
      expect(done.code, done.stderr).to.equal(0)
      expect(done.stdout).to.contain('recorded: 2 recipients, 1 duplicates, 1 faults')
      expect(done.stdout).to.match(/DONE: 2 of 2 made into messages, 2 sent, 1 faults/)
      expect(done.stderr).to.contain('line 3: to: a number is expected')
      const shown = await site.run('broadcasts', 'show', idIn(done.stdout))
      expect(shown.stdout).to.contain('name: greeting')
      expect((await site.run('broadcasts', 'list')).stdout).to.match(/DONE +2 +2 +1 .*greeting/)
    } finally {
      await server.stop()
    }
  })

  it('is paused, resumed and cancelled by commands beside the server', async () => {
    const server = await site.start()
    try {
      const path = file('numbers.txt', Array.from({ length: 50 }, (_, index) => `+2547000001${10 + index}`).join('\n'))
      const begun = await site.run('broadcast', path, '--text', 'hello', '--rate', '1')
      const id = idIn(begun.stdout)
      expect((await site.run('broadcasts', 'pause', id)).stdout).to.contain('PAUSED')
      expect((await site.run('broadcasts', 'resume', id)).stdout).to.contain('RUNNING')
      expect((await site.run('broadcasts', 'cancel', id)).code).to.equal(0)
      await until(
        'it is cancelled',
        async () => (await site.run('broadcasts', 'show', id)).stdout.includes('CANCELLED:'),
        30_000,
      )
      const again = await site.run('broadcasts', 'resume', id)
      expect({ code: again.code, stderr: again.stderr }).to.deep.include({ code: 1 })
      expect(again.stderr).to.contain('is CANCELLED')
    } finally {
      await server.stop()
    }
  })

  it('fails clearly, and sends nothing, where the file is not one', async () => {
    const missing = await site.run('broadcast', join(site.folder, 'missing.csv'), '--text', 'hello')
    expect(missing).to.deep.include({ code: 1 })
    expect(missing.stderr).to.contain('could not be read')
    const bad = await site.run('broadcast', file('bad.txt', 'number\nnobody\n'), '--text', 'hello')
    expect(bad.code).to.equal(1)
    expect(bad.stderr).to.contain('none of its recipients is good')
    expect((await site.run('broadcasts', 'show', 'nope')).code).to.equal(1)
    expect((await site.run('broadcast', 'x')).code).to.equal(2)
    expect((await site.run('broadcast', 'x', '--text', 'a', '--template', 'b')).code).to.equal(2)
    expect((await site.run('broadcast', 'x', '--text', 'a', '--rate', '0')).code).to.equal(2)
  })
})

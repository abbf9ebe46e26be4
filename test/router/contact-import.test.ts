import { expect } from 'chai'
import fc from 'fast-check'
import iconv from 'iconv-lite'
import { fakeBackend, type TestSwitchboard, testSwitchboard } from 'sms-switchboard/testing'
import { guarded, unguarded } from '../../src/router/cell-guard.ts'
import type { ContactImportOptions } from '../../src/router/contact-import.ts'
import { joinedCell, splitCell } from '../../src/router/split-cell.ts'
import { rejection } from '../support/rejection.ts'

const ONE = '+254712345678'
const HEADER = 'name,number,backend,identity,language,time_zone,groups,opted_out'

async function* piecesOf(bytes: Uint8Array, size = 7): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

describe('an import of contacts', () => {
  let t: TestSwitchboard

  beforeEach(async () => {
    const backends = { fake: fakeBackend(), chat: fakeBackend({ numbers: false }) }
    t = await testSwitchboard({ apps: [], backends, settings: { numbers: { region: 'KE' } } })
  })
  afterEach(() => t.stop())

  const contacts = () => t.switchboard.router.contacts
  const take = (text: string | Uint8Array, options: ContactImportOptions = {}) =>
    contacts().import(piecesOf(typeof text === 'string' ? Buffer.from(text) : text), options)
  const all = async () => (await contacts().list()).items
  const first = async () => (await all())[0]

  describe('takes', () => {
    const numbers = ['0712345678', '712345678', '254712345678', ONE, '00254712345678', '0712 345-678', `'${ONE}`]
    for (const number of numbers) {
      it(`${number} as the one identity`, async () => {
        expect(await take(`name,number\nAnn,${number}\n`)).to.include({ created: 1, applied: true })
        expect((await first())?.connections).to.deep.equal([{ backend: 'fake', identity: ONE }])
      })
    }

    const lines: readonly (readonly [title: string, csv: string, expected: object])[] = [
      ['no name as the number', `number\n${ONE}`, { name: ONE }],
      ['aliases of columns', `Full Name,MSISDN,Lang\nAnn,${ONE},SW`, { name: 'Ann', language: 'sw' }],
      ['mobile and TZ', `Mobile,TZ\n${ONE},africa/nairobi`, { timeZone: 'Africa/Nairobi' }],
      ['semicolons', `name;number\n"A;B";${ONE}`, { name: 'A;B' }],
      ['tabs', `name\tnumber\nA,B\t${ONE}`, { name: 'A,B' }],
      ['CRLF, blank lines and blank cells', `name,number,\r\n\r\n ,,\r\nAnn,${ONE},\r\n`, { name: 'Ann' }],
      ['quotes within a quoted cell', `name,number\n"Ann ""x""",${ONE}`, { name: 'Ann "x"' }],
      ['groups', `number,groups\n${ONE},"b; a;b;c\\;d"`, { groups: ['a', 'b', 'c;d'] }],
      ['an opt-out', `number,opted_out\n${ONE},Yes`, { optedOutAt: Date.UTC(2026, 0, 5, 9) }],
      [
        'an identity of another backend',
        `backend,identity\nchat,bob`,
        { connections: [{ backend: 'chat', identity: 'bob' }] },
      ],
      ['what is guarded', `name,number\n'=1+1,${ONE}`, { name: '=1+1' }],
    ]
    for (const [title, csv, expected] of lines) {
      it(title, async () => {
        const report = await take(csv)
        expect(report.faults).to.deep.equal([])
        expect(await first()).to.deep.include(expected)
      })
    }

    for (const cell of [
      `0712345678;0712345679`,
      `"0712345678, 0712345679"`,
      `"0712345678\n0712345679"`,
      `0712345678;chat:bob`,
    ]) {
      it(`several numbers: ${JSON.stringify(cell)}`, async () => {
        await take(`name,number\nAnn,${cell}\n`)
        expect((await first())?.connections).to.have.length(2)
      })
    }
  })

  describe('names what is wrong with', () => {
    const faults: readonly (readonly [line: string, column: string, says: RegExp])[] = [
      ['Ann,2.54E+11,,,,,,', 'number', /"2\.54E\+11" .* spreadsheet .* format the column as text/],
      ['Ann,"2,54E+11",,,,,,', 'number', /"2,54E\+11" .* spreadsheet/],
      ['Ann,2.54712E11,,,,,,', 'number', /spreadsheet/],
      ['Ann,254712345678.0,,,,,,', 'number', /"254712345678\.0" .* decimals/],
      ['Ann,"254712345678,00",,,,,,', 'number', /decimals/],
      ['Ann,202222222,,,,,,', 'number', /"202222222" has lost its leading zero/],
      ['Ann,12345,,,,,,', 'number', /"12345" is no number that is known in KE; .*\+254/],
      ['Ann,AIRTEL,,,,,,', 'number', /"AIRTEL" is no number/],
      ['Ann,,,,,,,', 'number', /a number is expected, not an empty cell/],
      ['Ann,,fake,2.54E+11,,,,', 'identity', /spreadsheet/],
      ['Ann,0712345678,nope,,,,,', 'backend', /no backend "nope"; there are fake, chat/],
      ['Ann,0712345678,,,english,,,', 'language', /BCP 47/],
      ['Ann,0712345678,,,,Mars/Base,,', 'time_zone', /IANA/],
      ['Ann,0712345678,,,,,,perhaps', 'opted_out', /yes or no is expected, not "perhaps"/],
      [`${'x'.repeat(201)},0712345678,,,,,,`, 'name', /at most 200/],
      [`Ann,0712345678,,,,,${'g'.repeat(101)},`, 'groups', /at most 100/],
      ['Ann,0712345678,,,,,,,more', 'cell 9', /"more" belongs to none/],
    ]
    for (const [line, column, says] of faults) {
      it(line.slice(0, 50), async () => {
        const { faults, ...report } = await take(`${HEADER}\nBob,0733123456,,,,,,\n\n"two\nlines",,,,,,,\n${line}\n`)
        expect(report).to.include({ badLines: 2, applied: false })
        expect(faults.at(-1)).to.deep.include({ line: 6, column })
        expect(faults.at(-1)?.message).to.match(says)
        expect(await all()).to.deep.equal([])
      })
    }

    const files: readonly (readonly [title: string, csv: string | Uint8Array, says: RegExp])[] = [
      ['an empty file', '', /file is empty/],
      ['blanks alone', ' \n\n \n', /file is empty|column/],
      ['an unknown column', `name,shoe size,number\n`, /"shoe size" is not known; known are name, number/],
      ['a column that stands twice', `phone,mobile\n`, /"mobile" and "phone" are the same column, number/],
      ['no number at all', `name,language\n`, /a column number, or backend and identity/],
      [
        'bytes that are no UTF-8',
        Buffer.from('name,number\nJos\xe9,0712345678\n', 'latin1'),
        /not UTF-8.*windows-1252/,
      ],
      ['a quote that is never closed', `name,number\n"Ann,${'x'.repeat(100_000)}`, /line 2: a quote is opened/],
    ]
    for (const [title, csv, says] of files) {
      it(title, async () => {
        const error = await rejection(take(csv))
        expect(error).to.include({ code: 'INVALID_INPUT' })
        expect(String(error)).to.match(says)
      })
    }
  })

  for (const [encoding, bytes] of [
    ['utf-8 with a mark', Buffer.from(`\ufeffname,number\nJosé,${ONE}\n`)],
    ['utf-16le with a mark', iconv.encode(`\ufeffname,number\nJosé,${ONE}\n`, 'utf-16le')],
    ['utf-16be with a mark', iconv.encode(`\ufeffname,number\nJosé,${ONE}\n`, 'utf-16be')],
    ['utf-16le without', iconv.encode(`name,number\nJosé,${ONE}\n`, 'utf-16le')],
  ] as const) {
    it(`reads ${encoding}, however it is cut`, async () => {
      for (const size of [1, 2, 5, 1_000]) await contacts().import(piecesOf(bytes, size))
      expect((await all()).map(({ name }) => name)).to.deep.equal(['José'])
    })
  }

  it('reads windows-1252 when told to', async () => {
    const bytes = iconv.encode(`name,number\nZoë “x” €,${ONE}\n`, 'win1252')
    await take(bytes, { encoding: 'windows-1252' })
    expect(await first()).to.include({ name: 'Zoë “x” €' })
  })

  it('does nothing at one bad line, takes the others when told to, and only tries when told to', async () => {
    const csv = `name,number\nAnn,0712345678\nBob,x\nCid,0733123456\n`
    expect(await take(csv)).to.include({ badLines: 1, applied: false })
    expect(await take(csv, { skipBad: true, dryRun: true })).to.include({ created: 2, badLines: 1, applied: false })
    expect(await all()).to.deep.equal([])
    expect(await take(csv, { skipBad: true })).to.include({ created: 2, badLines: 1, applied: true })
    expect((await all()).map(({ name }) => name)).to.deep.equal(['Ann', 'Cid'])
  })

  it('tells of lines whose numbers belong to two people, together with the other faults', async () => {
    const numbers = ['0712345678', '0733123456']
    for (const identity of numbers)
      await contacts().create({ name: identity, connections: [{ backend: 'fake', identity }] })
    const told: string[] = []
    const onFault = ({ line, column }: { line: number; column: string }) => void told.push(`${line} ${column}`)
    const report = await take(`number\nx\n${numbers.join(';')}\n`, { onFault })
    expect(report).to.include({ badLines: 2, applied: false })
    expect(told).to.deep.equal(['2 number', '3 number'])
    expect(report.faults[1]?.message).to.match(/belong to different contacts/)
  })

  it('keeps numbers that are not known when told to', async () => {
    expect(await take(`number\n12345\n`, { keepUnknown: true })).to.include({ created: 1 })
    expect((await first())?.connections).to.deep.equal([{ backend: 'fake', identity: '12345' }])
  })

  it('never takes back an opt-out that came after the list was made, unless told to', async () => {
    const connections = [{ backend: 'fake', identity: ONE }]
    const { id } = await contacts().create({ name: 'Ann', connections, optedOut: true })
    await take(`number,opted_out\n${ONE},no\n`)
    expect((await contacts().find(id))?.optedOutAt).not.to.equal(null)
    await take(`number,opted_out\n${ONE},no\n`, { optIn: true })
    expect((await contacts().find(id))?.optedOutAt).to.equal(null)
  })

  it('leaves nothing staged, whatever came of it', async () => {
    await take(`number\n${ONE}\n`)
    await take(`number\nx\n`)
    await rejection(take(`number\n${ONE}\n"`))
    const { others } = await t.store.purge({ before: 0, now: Number.MAX_SAFE_INTEGER, limit: 10 })
    expect(others).to.equal(0)
  })

  it('takes whatever comes without an error that is not one of its own', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), fc.boolean(), async (noise, withHeader) => {
        const bytes = withHeader ? Buffer.concat([Buffer.from(`${HEADER}\n`), noise]) : noise
        const outcome = await take(bytes, { skipBad: true, keepUnknown: true }).catch((error: unknown) => error)
        if (outcome instanceof Error) expect(outcome).to.include({ code: 'INVALID_INPUT' })
      }),
      { numRuns: 100 },
    )
  }).timeout(20_000)

  describe('after an export', () => {
    const text = async (options: { plain?: boolean } = {}) => {
      let whole = ''
      for await (const part of contacts().export({}, options)) whole += part
      return whole
    }

    it('brings everybody back as they were', async () => {
      const fake = (identity: string) => ({ backend: 'fake', identity })
      await contacts().create({
        name: '=cmd|x',
        language: 'pt-BR',
        timeZone: 'Africa/Nairobi',
        optedOut: true,
        connections: [fake(ONE), fake('12345'), { backend: 'chat', identity: 'a;b:c\\' }],
        groups: ['x;y', '-z', "'+"],
      })
      await contacts().create({ name: '\'@Ann, "x"', connections: [{ backend: 'chat', identity: '@bob' }] })
      const without = (people: Awaited<ReturnType<typeof all>>) =>
        people.map(({ id, createdAt, optedOutAt, connections, ...rest }) => ({
          ...rest,
          isOut: optedOutAt !== null,
          connections: new Set(connections.map(({ backend, identity }) => `${backend} ${identity}`)),
        }))
      const before = without(await all())
      const files = [await text(), await text({ plain: true })]
      for (const { id } of await all()) await contacts().delete(id, { forgetOptOut: true })
      for (const file of files) {
        const report = await take(file)
        expect(report.faults).to.deep.equal([])
        expect(without(await all())).to.deep.equal(before)
      }
    })

    it('runs nothing in a spreadsheet, and is plain for programs', async () => {
      await contacts().create({ name: '=1+1', connections: [{ backend: 'fake', identity: ONE }] })
      expect(await text()).to.equal(`\ufeff${HEADER}\r\n'=1+1,'${ONE},fake,,,,,no\r\n`)
      expect(await text({ plain: true })).to.equal(`${HEADER}\r\n=1+1,${ONE},fake,,,,,no\r\n`)
    })
  })

  it('guards and splits cells so that they come back', () => {
    fc.assert(
      fc.property(fc.string(), (cell) => {
        expect(unguarded(guarded(cell))).to.equal(cell)
        expect(guarded(cell)).not.to.match(/^[=+\-@\t\r]/)
      }),
    )
    const part = fc.string({ minLength: 1 }).map((text) => text.replace(/[\r\n]/g, '').trim())
    fc.assert(
      fc.property(fc.array(part.filter((text) => text !== '')), (parts) => {
        expect(splitCell(joinedCell(parts))).to.deep.equal(parts)
      }),
    )
  })
})

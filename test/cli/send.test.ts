import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import { expect } from 'chai'
import { run } from '../../src/cli/program.ts'
import { type TempFolder, tempFolder } from '../support/temp-folder.ts'

const SETTINGS = `
import { defineSettings } from 'sms-switchboard'
import { nullBackend } from 'sms-switchboard/backends'
export default defineSettings({ backends: { nowhere: nullBackend() }, apps: [] })
`

interface Row {
  readonly id: string
  readonly identity: string
  readonly not_before: number
  readonly expires_at: number | null
  readonly tag: string | null
  readonly related_to: string | null
  readonly data: string
}

describe('switchboard send', () => {
  let folder: TempFolder
  const url = process.env['DATABASE_URL']

  beforeEach(() => {
    folder = tempFolder()
    writeFileSync(join(folder.path, 'settings.js'), SETTINGS)
    process.env['DATABASE_URL'] = `sqlite:${join(folder.path, 'db')}`
  })

  afterEach(() => {
    if (url === undefined) delete process.env['DATABASE_URL']
    else process.env['DATABASE_URL'] = url
    folder.remove()
  })

  const send = async (...args: readonly string[]) => {
    const out: string[] = []
    const err: string[] = []
    const all = ['send', '--settings', join(folder.path, 'settings.js'), '--text', 'hi', ...args]
    const code = await run(all, { out: (line) => out.push(line), err: (line) => err.push(line) })
    return { code, out, err }
  }
  const recorded = () => {
    const database = new Sqlite(join(folder.path, 'db'), { readonly: true })
    try {
      return database.prepare<[], Row>('SELECT * FROM outgoing ORDER BY seq').all()
    } finally {
      database.close()
    }
  }

  it('says all that a sender can say', async () => {
    const { code } = await send(
      ...['--to', '1', '--at', '2030-01-05T09:00:00+03:00', '--expires', '2030-01-05T07:00Z', '--tag', 'news'],
      ...[
        '--related-to',
        'case 7',
        '--option',
        'validity=90',
        '--option',
        'senderId=2020',
        '--option',
        'escalate=true',
      ],
      ...['--param', 'a=b=c', '--param', 'd='],
    )
    expect(code).to.equal(0)
    const [row] = recorded()
    expect(row).to.include({ tag: 'news', related_to: 'case 7', not_before: Date.parse('2030-01-05T06:00:00Z') })
    expect(row?.expires_at).to.equal(Date.parse('2030-01-05T07:00:00Z'))
    expect(JSON.parse(row?.data ?? '')).to.deep.include({
      options: { validity: 90, senderId: '2020', escalate: true },
      params: { a: 'b=c', d: '' },
    })
  })

  it('records once under a key, and says that it had been', async () => {
    const first = await send('--to', '1', '2', '--idempotency-key', 'k')
    const again = await send('--to', '1', '2', '--idempotency-key', 'k')
    expect(recorded()).to.have.length(2)
    expect(again.out).to.deep.equal(first.out.map((line) => line.replace(' recorded for ', ' recorded before for ')))
    const other = await send('--to', '3', '--idempotency-key', 'k')
    expect(other).to.deep.equal({
      code: 1,
      out: [],
      err: ['switchboard: idempotencyKey: the key has been used for another request'],
    })
  })

  for (const [args, says] of [
    [['--to', '1', '--option', 'validity=long'], 'options.validity: whole minutes from 1 to 525600 are expected'],
    [['--contact', 'nobody'], 'to: there is no contact "nobody"'],
  ] as const) {
    it(`names what is wrong: ${args.join(' ')}`, async () => {
      expect(await send(...args)).to.deep.equal({ code: 1, out: [], err: [`switchboard: ${says}`] })
    })
  }

  it('refuses an expiry that is over, but gives a repeat under its key the first result', async () => {
    const says = /expires: a time that is still to come is expected, not 2020-01-05T07:00:00.000Z; --help/
    for (const more of [[], ['--at', '2019-01-05T07:00Z'], ['--idempotency-key', 'k']]) {
      const { code, out, err } = await send('--to', '1', '--expires', '2020-01-05T07:00Z', ...more)
      expect({ code, out }).to.deep.equal({ code: 2, out: [] })
      expect(err.join('\n')).to.match(says)
    }
    const early = await send('--to', '1', '--at', '2090-01-05T07:00Z', '--expires', '2089-01-05T07:00Z')
    expect(early.code).to.equal(2)
    expect(recorded()).to.deep.equal([])
  })

  it('sends nothing to an empty group, says so, and ends with 1', async () => {
    const err = ['switchboard: nobody is in the groups: nothing is sent']
    expect(await send('--group', 'nobody')).to.deep.equal({ code: 1, out: [], err })
  })
})

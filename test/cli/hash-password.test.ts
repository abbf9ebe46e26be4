import { Readable } from 'node:stream'
import { expect } from 'chai'
import { hashPasswordCommand } from '../../src/cli/hash-password.ts'
import { fitsPassword, hashKey, isPasswordHash } from '../../src/http/users/password-hash.ts'
import { rejection } from '../support/rejection.ts'

async function run(input: string, options: { readonly key?: boolean } = {}) {
  const out: string[] = []
  const err: string[] = []
  const output = { out: (line: string) => void out.push(line), err: (line: string) => void err.push(line) }
  const code = await hashPasswordCommand(options, output, Readable.from([Buffer.from(input)]))
  return { code, out, err }
}

describe('switchboard hash-password', () => {
  it('prints the hash of what it reads, without the end of the line', async () => {
    const { code, out, err } = await run('correct horse\n')
    expect({ code, err, lines: out.length }).to.deep.equal({ code: 0, err: [], lines: 1 })
    expect(isPasswordHash(out[0] ?? '')).to.equal(true)
    expect(await fitsPassword('correct horse', out[0] ?? '')).to.equal(true)
  })

  it('makes a key, and prints it and its hash', async () => {
    const { code, out } = await run('', { key: true })
    const [, key = ''] = /^key: {2}(swb_.+)$/.exec(out[0] ?? '') ?? []
    expect(code).to.equal(0)
    expect(out[1]).to.equal(`hash: ${hashKey(key)}`)
  })

  for (const [what, input] of [
    ['nothing', ''],
    ['an empty line', '\n'],
    ['two lines', 'a\nb\n'],
    ['too much', 'x'.repeat(1_001)],
  ] as const) {
    it(`refuses ${what}`, async () => {
      const error = await rejection(run(input))
      expect(error).to.have.property('code', 'INVALID_INPUT')
    })
  }
})

import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import { referenceFile, settingsReference } from '../../scripts/settings-reference.ts'

describe('docs/settings.md', () => {
  const reference = settingsReference()

  it('is what the schemas say; `npm run docs` brings it up to date', () => {
    expect(readFileSync(referenceFile, 'utf8')).to.equal(reference)
  })

  const rows = [
    {
      what: 'a setting with its default and its variable',
      row: '| `http.port` | whole number, 0 to 65535 | `8000` | `PORT` |',
    },
    { what: 'a setting that every backend has', row: '| `sending.attempts` | whole number, 1 to 100 | `8` |' },
    { what: 'a setting that a backend needs', row: '| `send.url` | URL | *required* |' },
    { what: 'a secret', row: '| `send.headers` | object of text | `{}` | Headers sent along *(secret)* |' },
  ]
  for (const { what, row } of rows) {
    it(`tells ${what}`, () => {
      expect(reference).to.contain(row)
    })
  }

  it('describes every setting', () => {
    const bare = reference.split('\n').filter((line) => line.startsWith('| `') && /\|\s*\|$/.test(line))
    expect(bare).to.deep.equal([])
  })
})

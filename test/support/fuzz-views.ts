import { request as httpRequest } from 'node:http'
import { expect } from 'chai'
import fc from 'fast-check'
import { type Harness, startHarness } from '../../src/testing/backend-harness.ts'
import type { BackendTable, RequestRow } from '../../src/testing/backend-rows.ts'

/** More by FUZZ_RUNS=10000. */
const RUNS = Number(process.env['FUZZ_RUNS'] ?? 150)

/** What a payload is changed into: bytes set, taken out, put in or doubled. */
const change = fc.record({
  kind: fc.constantFrom('set', 'cut', 'insert', 'repeat', 'end'),
  at: fc.nat(),
  length: fc.nat(20),
  bytes: fc.oneof(
    fc.uint8Array({ maxLength: 12 }).map((bytes) => Buffer.from(bytes)),
    fc
      .constantFrom(
        '%00',
        '%ff',
        '%',
        '&',
        '=',
        '"',
        '<',
        '&amp;',
        '<![CDATA[',
        '{',
        ']',
        'null',
        '\\u0000',
        '\\ud800',
        '-1',
      )
      .map((text) => Buffer.from(text)),
    fc.constantFrom('1e999', '__proto__', '<!DOCTYPE a>', 'x'.repeat(5_000)).map((text) => Buffer.from(text)),
  ),
})
type Change = typeof change extends fc.Arbitrary<infer T> ? T : never

/**
 * Sends the recorded payloads of a table's incoming and report rows, changed at random: whatever comes, a view refuses
 * or takes it, and never answers 5xx.
 * @param sign headers to add to a changed request, where a signature would refuse it before anything is read
 */
export function fuzzViews(table: BackendTable, sign?: Sign): void {
  const rows: readonly RequestRow[] = [...(table.incoming ?? []), ...(table.reports ?? [])]
  const base = table.path ?? `/backends/${table.name}/`
  describe(`backend ${table.name}, with payloads changed at random`, function () {
    this.timeout(60_000)
    let harness: Harness
    before(async () => {
      harness = await startHarness(table.name, table.backend)
    })
    after(() => harness.stop())

    it('answers no 5xx and does not fall over', async () => {
      expect(rows, 'recorded payloads').not.to.have.length(0)
      const mutated = fc.record({
        row: fc.constantFrom(...rows),
        query: fc.array(change, { maxLength: 3 }),
        body: fc.array(change, { maxLength: 4 }),
        keepsType: fc.integer({ min: 0, max: 9 }).map((chance) => chance > 0),
      })
      await fc.assert(
        fc.asyncProperty(mutated, async ({ row, query, body, keepsType }) => {
          const [path = '', search = ''] = (row.path ?? '').split('?')
          const target = `${base}${path}?${changed(Buffer.from(search), query).toString('latin1')}`
          const hostile = {
            method: row.method ?? (row.body === undefined ? 'GET' : 'POST'),
            target: target.replace(/[^!-~]/g, (char) => encodeURIComponent(char)).slice(0, 15_000),
            headers: keepsType ? (row.headers ?? {}) : {},
            body: row.body === undefined ? undefined : changed(Buffer.from(row.body), body),
          }
          const headers = { ...hostile.headers, ...sign?.(hostile, harness.url) }
          const status = await send(harness, { ...hostile, headers })
          expect(status).to.be.within(200, 499)
        }),
        { numRuns: RUNS },
      )
      expect(harness.seen.log.join('\n')).not.to.include('a view failed')
      expect((await fetch(`${harness.url}/readyz`)).status).to.equal(200)
    })
  })
}

function changed(bytes: Buffer, changes: readonly Change[]): Buffer {
  let now = bytes
  for (const { kind, at, length, bytes: put } of changes) {
    const from = now.length === 0 ? 0 : at % now.length
    const [before, after] = [now.subarray(0, from), now.subarray(from)]
    if (kind === 'end') now = Buffer.from(before)
    else if (kind === 'insert') now = Buffer.concat([before, put, after])
    else if (kind === 'cut') now = Buffer.concat([before, after.subarray(length)])
    else if (kind === 'repeat') now = Buffer.concat([before, after.subarray(0, length), after])
    else now = Buffer.concat([before, put, after.subarray(put.length)])
  }
  return now
}

/** @param url of the server, for signatures over it */
export type Sign = (request: Sent, url: string) => Readonly<Record<string, string>>

interface Sent {
  readonly method: string
  readonly target: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer | undefined
}

function send(harness: Harness, { method, target, headers, body }: Sent): Promise<number> {
  return new Promise((resolve, reject) => {
    const { hostname: host, port } = new URL(harness.url)
    const length = body === undefined ? {} : { 'content-length': body.length }
    const req = httpRequest({ host, port, method, path: target, headers: { ...headers, ...length } }, (res) => {
      res.resume().once('end', () => resolve(res.statusCode ?? 0))
    })
    req.once('error', reject)
    req.end(body)
  })
}

import { expect } from 'chai'
import { type Recorder, recorderParams, startRecorder } from '../integration/recorder.ts'
import type { RunningServer } from '../support/process.ts'
import { createProject, type Project, post } from '../support/project.ts'
import { until } from '../support/until.ts'

const WAIT_MS = 20_000

describe('switchboard pause, resume, backends and report', function () {
  this.timeout(240_000)
  let project: Project
  let recorder: Recorder

  afterEach(async () => {
    await project?.remove()
    await recorder?.close()
  })

  const begin = async () => {
    recorder = await startRecorder()
    const send = `{ url: ${JSON.stringify(recorder.url)}, params: ${JSON.stringify(recorderParams)} }`
    project = createProject(`
      import { defineSettings } from 'sms-switchboard'
      import { httpBackend, httptester } from 'sms-switchboard/backends'

      const far = httpBackend({ send: ${send} })
      const sendAll = async (message, { send }) => {
        for (const text of ['1', '2', '3', '4']) {
          await send({ to: { backend: 'far', identity: '+254712345678' }, text, tag: '=news' })
        }
        return true
      }
      export default defineSettings({
        backends: { httptester: httptester(), far },
        apps: [{ name: 'sends', handle: sendAll }],
        prices: [{ countries: ['KE'], perPart: 0.8, currency: 'KES' }],
        timeZone: 'Africa/Nairobi',
        console: { enabled: false },
      })
    `)
  }
  const lines = (text: string) => text.trimEnd().split('\n')
  const ready = async (server: RunningServer) => (await fetch(`${server.url}/readyz`)).json() as Promise<object>

  it('carry a rotated password through, beside a running server', async () => {
    await begin()
    recorder.behave(() => 401)
    const server = await project.start()
    expect(await post(server, '1', 'go')).to.match(/^200 /)
    await until('it is paused', async () => 'notices' in (await ready(server)), WAIT_MS)
    expect(await ready(server)).to.deep.include({ status: 'ok', store: 'ok', queue: 'ok' })
    const listed = await project.run(['backends'])
    expect(listed).to.include({ code: 0, stderr: '' })
    expect(listed.stdout).to.match(/far +\S+ +paused +20\S+Z +4 +AUTH: /)
    expect(listed.stdout)
      .to.match(/httptester +httptester +running/)
      .and.include('switchboard resume far')
    expect(recorder.received).to.have.length(1)
    recorder.behave(() => 200)
    expect(await project.run(['resume', 'far'])).to.include({ code: 0, stdout: 'far is resumed\n' })
    await until('all have arrived', () => recorder.received.length === 5, WAIT_MS)
    expect(recorder.textsTo('+254712345678')).to.deep.equal(['1', '1', '2', '3', '4'])
    expect((await project.run(['replay'])).stdout).to.equal('No message has failed.\n')
    expect(await ready(server)).to.deep.equal({ status: 'ok', store: 'ok', queue: 'ok' })

    expect(await project.run(['pause', 'far', '--reason', 'the provider moves'])).to.include({ code: 0 })
    await until('it is paused', async () => 'notices' in (await ready(server)), WAIT_MS)
    expect(await post(server, '2', 'go')).to.match(/^200 /)
    expect((await project.run(['backends'])).stdout).to.include('HAND: the provider moves')
    expect(recorder.received).to.have.length(5)
    expect(await project.run(['resume', 'far'])).to.include({ code: 0 })
    await until('all have arrived', () => recorder.received.length === 9, WAIT_MS)
    expect((await project.run(['resume', 'far'])).stdout).to.equal('far was not paused\n')

    const text = await project.run(['report', '--by', 'backend,tag,country'])
    const [head, row, ...others] = lines(text.stdout)
    expect(head).to.match(
      /^MONTH +BACKEND +TAG +COUNTRY +MESSAGES +PARTS +DELIVERED +FAILED +COST KES +COST KES ESTIMATED$/,
    )
    expect(row).to.match(/^20\d\d-\d\d +far +=news +KE +8 +8 +0 +0 +6\.4 +6\.4$/)
    expect(others).to.deep.equal([])
    const csv = await project.run(['report', '--by', 'tag', '--csv'])
    expect(lines(csv.stdout)[1]).to.match(/^20\d\d-\d\d,'=news,8,8,0,0,6\.4,6\.4$/)
    expect((await project.run(['report', '--month', '2020-01'])).stdout).to.equal('Nothing was sent.\n')
    expect((await server.stop()).code).to.equal(0)
  })

  it('refuse what is no backend, and what is wrong', async () => {
    await begin()
    const said = async (...args: string[]) => {
      const { code, stderr } = await project.run(args)
      return { code, stderr }
    }
    expect(await said('pause', 'faar')).to.deep.equal({
      ...{ code: 1, stderr: 'switchboard: there is no backend "faar"; those that send are httptester, far\n' },
    })
    expect((await said('report', '--month', '2026-13')).code).to.equal(2)
    expect((await said('report', '--by', 'colour')).code).to.equal(2)
    expect((await said('pause')).code).to.equal(2)
  })
})

import { expect } from 'chai'
import { run } from '../../src/cli/program.ts'
import { createProject, type Project, plainSettings } from '../support/project.ts'

describe('switchboard templates', function () {
  this.timeout(120_000)
  let project: Project

  beforeEach(() => {
    project = createProject()
    const more = `databaseUrl: 'sqlite:${project.file('switchboard.db')}',
  templates: { fixed: { en: 'Fixed', sw: 'Imara' } },
  console:`
    project.write('settings.ts', plainSettings.replace('console:', more))
  })
  afterEach(() => project.remove())

  /** In this process, which is quicker than one for each. */
  async function templates(...args: readonly string[]) {
    const lines: { out: string[]; err: string[] } = { out: [], err: [] }
    const output = { out: (line: string) => lines.out.push(line), err: (line: string) => lines.err.push(line) }
    const code = await run(['templates', ...args, '--settings', project.file('settings.ts')], output)
    return { code, out: lines.out.join('\n'), err: lines.err.join('\n') }
  }
  const done = async (...args: readonly string[]) => {
    const { code, out, err } = await templates(...args)
    expect({ code, err }, args.join(' ')).to.deep.equal({ code: 0, err: '' })
    return out
  }
  const failed = async (...args: readonly string[]) => {
    const { code, err } = await templates(...args)
    expect(code, args.join(' ')).to.equal(1)
    return err
  }
  const file = (text: string) => {
    project.write('text.txt', text)
    return ['--file', project.file('text.txt')] as const
  }

  it('saves, shows, lists, renders and removes', async () => {
    expect(await done('save', 'welcome', ...file('Welcome, {{ name }}!\n'), '--language', 'en')).to.equal(
      'welcome is saved',
    )
    await done('save', 'welcome', ...file('Karibu, {{ name }}!\r\n'), '--language', 'sw', '--no-duplicates')
    expect(JSON.parse(await done('show', 'welcome'))).to.deep.include({
      slug: 'welcome',
      body: { en: 'Welcome, {{ name }}!', sw: 'Karibu, {{ name }}!' },
      allowDuplicates: false,
      locked: false,
      source: 'store',
    })
    const lines = (await done('list')).split('\n')
    expect(lines.map((line) => line.split(/ {2,}/))).to.deep.equal([
      ['SLUG', 'SOURCE', 'MARKS', 'LANGUAGES', 'TEXT'],
      ['fixed', 'settings', 'locked', 'en, sw', 'Fixed'],
      ['welcome', 'store', 'once', 'en, sw', 'Welcome, {{ name }}!'],
    ])
    expect(await done('list', '--limit', '1')).to.match(/There are more: --after fixed$/)
    expect(await done('render', 'welcome', '--language', 'sw', '--context', '{"name":"Asha"}')).to.equal(
      'Karibu, Asha!',
    )
    expect(await done('remove', 'welcome')).to.equal('welcome is removed')
    expect(await failed('show', 'welcome')).to.match(/no template "welcome"/)
  })

  it('reads a text from the standard input', async () => {
    const saved = await project.run(['templates', 'save', 'piped'], { input: 'From a pipe\n' })
    expect(saved).to.deep.include({ code: 0, stdout: 'piped is saved\n', stderr: '' })
    expect(await done('render', 'piped')).to.equal('From a pipe')
  })

  it('says in one line what is wrong', async () => {
    expect(await failed('save', 'bad', ...file('\n{{ name'))).to.match(/^switchboard: template "bad": .*line:2[^\n]*$/)
    expect(await failed('save', 'fixed', ...file('x'))).to.match(/stands in the settings/)
    expect(await failed('save', 'bad', '--file', project.file('nowhere.txt'))).to.match(/nowhere\.txt/)
    expect(await failed('remove', 'nobody')).to.match(/no template "nobody"/)
    expect(await failed('render', 'fixed', '--context', '{')).to.match(/--context: JSON is expected/)
    expect(await failed('render', 'fixed', '--context', '3')).to.match(/--context: JSON is expected/)
    expect((await templates('save', 'fixed', '--lock', '--unlock')).code).to.equal(2)
  })

  it('locks and unlocks without touching the text', async () => {
    await done('save', 'a', ...file('A'))
    await done('save', 'a', '--lock')
    expect(await failed('save', 'a', ...file('B'))).to.match(/locked/)
    await done('save', 'a', '--unlock', '--no-active')
    expect(JSON.parse(await done('show', 'a'))).to.deep.include({ body: 'A', locked: false, active: false })
  })
})

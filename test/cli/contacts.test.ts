import { createWriteStream, readFileSync, statSync } from 'node:fs'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import Sqlite from 'better-sqlite3'
import { expect } from 'chai'
import { isLong } from '../support/long-tests.ts'
import { startCommand } from '../support/process.ts'
import { answered, createProject, type Project, plainSettings, post } from '../support/project.ts'
import { until } from '../support/until.ts'

/** A fifth of it shows the way of the lines; all of it shows that memory does not grow with them. */
const MANY = isLong ? 100_000 : 20_000
const HEAP_MB = 64
const LIMIT_MS = 480_000
/** A command takes a second; on a busy machine many. */
const COMMANDS_LIMIT_MS = 180_000

const settings = plainSettings.replace('console:', `numbers: { region: 'KE' },\n  console:`)
// Without numbers there is nothing to parse: what is tried is the way of the lines.
const quickSettings = plainSettings.replace('httptester()', 'httptester({ numbers: false })')

describe('switchboard contacts', function () {
  this.timeout(COMMANDS_LIMIT_MS)
  let project: Project

  afterEach(() => project.remove())

  const query = (text: string): unknown => {
    const database = new Sqlite(project.file('data/switchboard.db'), { readonly: true })
    try {
      return database.prepare(text).pluck().get()
    } finally {
      database.close()
    }
  }
  const countOf = (table: string) => query(`SELECT COUNT(*) FROM ${table}`)
  const writeMany = (name: string, count: number) =>
    pipeline(
      Readable.from(
        (function* () {
          yield 'name,number,groups\n'
          for (let index = 0; index < count; index++) yield `Person ${index},p${index},g${index % 50};all\n`
        })(),
      ),
      createWriteStream(project.file(name)),
    )

  it('imports beside a running server, whose apps know the people at once, and exports', async () => {
    project = createProject(
      settings.replace('echo()', `echo(), { name: 'who', handle: (m, c) => m.respond(c.contact?.name ?? 'nobody') }`),
    )
    const server = await project.start()
    await post(server, '0712345678', 'who')
    await answered(server, '%2B254712345678', 'nobody')
    project.write('people.csv', 'Name;Phone;Groups\r\nJosé;0712345678;"a; b"\r\n')
    expect(await project.run(['contacts', 'import', 'people.csv'])).to.deep.include({
      code: 0,
      stdout: '1 new, 0 updated\n',
      stderr: '',
    })
    await post(server, '0712345678', 'who now')
    await answered(server, '%2B254712345678', 'José')
    // By a process: what is exported goes to its standard output as it is.
    const { stdout } = await project.run(['contacts', 'export', '--plain', '--group', 'a'], { input: '' })
    expect(stdout).to.match(/\r\nJosé,\+254712345678,httptester,,,,a; b,no\r\n$/)
    const written = await project.run(['contacts', 'export', 'out.csv'])
    expect(written).to.deep.include({ code: 0, stdout: 'written to out.csv\n' })
    expect(readFileSync(project.file('out.csv'), 'utf8')).to.match(/^\ufeffname,.*\r\nJosé,'\+254712345678,/)
    expect(statSync(project.file('out.csv')).mode & 0o777).to.equal(0o600)
    expect((await server.stop()).code).to.equal(0)
  })

  it('reads standard input, names each bad line, writes nothing, and ends with 1', async () => {
    project = createProject(settings)
    const input = 'name,number\nAnn,0712345678\nBob,2.54E+11\nCid,x\n'
    const { code, stdout, stderr } = await project.run(['contacts', 'import', '-'], { input })
    expect({ code, stdout }).to.deep.equal({ code: 1, stdout: '' })
    expect(stderr).to.match(
      /^line 3, number: "2\.54E\+11" .*\nline 4, number: "x" .*\n2 lines are bad; nothing was written/,
    )
    expect(countOf('contacts')).to.equal(0)
    const skipped = await project.run(['contacts', 'import', '-', '--skip-bad'], { input })
    expect(skipped).to.deep.include({ code: 0, stdout: '1 new, 0 updated; 2 bad lines left out\n' })
    const tried = await project.run(['contacts', 'import', '-', '--skip-bad', '--dry-run'], { input })
    expect(tried.stdout).to.equal('0 new, 1 updated; 2 bad lines left out (dry run: nothing was written)\n')
    expect(countOf('contacts')).to.equal(1)
  })

  it('says in one line which file, column or backend is wrong', async () => {
    project = createProject(settings)
    project.write('people.csv', 'shoe\n1\n')
    for (const [args, says] of [
      [['none.csv'], /none\.csv cannot be read: ENOENT/],
      [['people.csv'], /line 1: the column "shoe" is not known; known are name, number/],
      [['people.csv', '--backend', 'nope'], /no backend "nope"; there are httptester/],
    ] as const) {
      const { code, stderr } = await project.run(['contacts', 'import', ...args])
      expect(code).to.equal(1)
      expect(stderr).to.match(says)
      expect(stderr.trim().split('\n')).to.have.length(1)
    }
  })

  it('leaves nobody of an import whose process is killed, and what was staged goes', async () => {
    project = createProject(quickSettings)
    await writeMany('many.csv', 30_000)
    const running = startCommand(['contacts', 'import', 'many.csv'], { cwd: project.folder })
    await until('lines are staged', () => Number(countOf('import_lines')) > 0, 30_000)
    expect((await running.stop('SIGKILL')).signal).to.equal('SIGKILL')
    expect(countOf('import_lines')).to.be.greaterThan(0)
    for (const table of ['contacts', 'connections', 'group_members']) expect(countOf(table), table).to.equal(0)
    const database = new Sqlite(project.file('data/switchboard.db'))
    database.exec('UPDATE import_lines SET staged_at = 0')
    database.close()
    const { stdout } = await project.run(['contacts', 'import', '-'], { input: 'identity\na\n' })
    expect(stdout).to.equal('1 new, 0 updated\n')
    expect(countOf('import_lines')).to.equal(0)
    expect(countOf('contacts')).to.equal(1)
  })

  it(`takes ${MANY} lines within a heap of ${HEAP_MB} MB`, async () => {
    project = createProject(quickSettings)
    await writeMany('many.csv', MANY)
    const nodeArgs = [`--max-old-space-size=${HEAP_MB}`]
    const { code, stdout } = await project.run(['contacts', 'import', 'many.csv'], { nodeArgs })
    expect({ code, stdout }).to.deep.equal({ code: 0, stdout: `${MANY} new, 0 updated\n` })
    expect(countOf('contacts')).to.equal(MANY)
    expect(countOf('group_members')).to.equal(2 * MANY)
  }).timeout(LIMIT_MS)
})

import { expect } from 'chai'
import { run } from '../../src/cli/program.ts'
import { runCommand } from '../support/process.ts'

async function runHere(args: readonly string[]) {
  const printed = { out: [] as string[], err: [] as string[] }
  const code = await run(args, {
    out: (line) => printed.out.push(line),
    err: (line) => printed.err.push(line),
  })
  return { code, out: printed.out.join('\n'), err: printed.err.join('\n') }
}

const wrong: readonly { readonly args: readonly string[]; readonly says: RegExp }[] = [
  { args: ['strat'], says: /unknown command 'strat' \(Did you mean start\?\)/ },
  { args: ['frobnicate'], says: /unknown command 'frobnicate'/ },
  { args: ['start', '--prot', '1'], says: /unknown option '--prot' \(Did you mean --port\?\)/ },
  { args: ['start', '--port', 'eighty'], says: /'--port <number>' argument 'eighty' is invalid.*whole number/ },
  { args: ['start', '--port'], says: /'--port <number>' argument missing/ },
  { args: ['routes', 'extra'], says: /too many arguments for 'routes'/ },
  { args: ['send', '--to', '123'], says: /required option '--text <text>' not specified/ },
  { args: ['send', '--text', 'hi'], says: /give whom to send to: '--to', '--contact' or '--group'/ },
  ...[
    ['--at', 'tomorrow', /'--at <time>' argument 'tomorrow' is invalid.*time with its offset/] as const,
    ['--at', '2026-01-05T09:00', /time with its offset/] as const,
    ['--expires', '2026-13-05T09:00Z', /time with its offset/] as const,
    ['--option', 'validity', /name=value is expected/] as const,
    ['--option', 'colour=red', /no option "colour"; there are senderId, validity/] as const,
    ['--param', '=x', /name=value is expected/] as const,
  ].map(([flag, value, says]) => ({ args: ['send', '--to', '1', '--text', 'hi', flag, value], says })),
  {
    args: ['send', '--to', '1', '--text', 'hi', '--class', 'slow'],
    says: /'slow' is invalid.*urgent, reply, normal, bulk/,
  },
  { args: ['receive', '--text', 'hi'], says: /required option '--identity <identity>' not specified/ },
  { args: ['receive', '--identity', '1'], says: /required option '--text <text>' not specified/ },
  { args: ['replay', 'an-id', '--all'], says: /ids or --all, not both/ },
  { args: ['replay', '--all', '--silent', '--out'], says: /--silent is for incoming messages/ },
  { args: ['contacts', 'import'], says: /missing required argument 'file'/ },
  { args: ['contacts', 'import', 'a.csv', '--encoding', 'koi8'], says: /'koi8' is invalid.*utf-8, .*windows-1252/ },
  { args: ['contacts', 'export', 'a.csv', 'b.csv'], says: /too many arguments for 'export'/ },
  { args: ['purge', '--older-than', '90'], says: /'90' is invalid.*number of days is expected, such as 90d/ },
  { args: ['purge', '--older-than', '0d'], says: /'0d' is invalid/ },
  { args: ['purge', '--older-than', '1d', '--batch', '0'], says: /'0' is invalid.*from 1 to 10000/ },
  { args: ['purge', '--older-than', '1d', '--batch', '10001'], says: /'10001' is invalid/ },
]

const commands = [
  { name: 'start', mentions: ['--port', '--host'] },
  { name: 'migrate', mentions: [] },
  { name: 'routes', mentions: [] },
  {
    name: 'send',
    mentions: [
      ...['--to', '--contact', '--group', '--text', '--backend', '--from', '--class', '--at', '--expires', '--tag'],
      ...['--related-to', '--option', '--param', '--idempotency-key'],
    ],
  },
  { name: 'broadcast', mentions: ['--text', '--template', '--rate', '--cap', '--at', '--name', '--wait'] },
  { name: 'receive', mentions: ['--identity', '--text', '--backend', '--address'] },
  { name: 'replay', mentions: ['--all', '--silent', '--in', '--out', '--backend'] },
  { name: 'purge', mentions: ['--older-than', '--batch'] },
]

describe('the command, called', () => {
  describe('wrongly, says so in one line and ends with 2', () => {
    for (const { args, says } of wrong) {
      it(`switchboard ${args.join(' ')}`, async () => {
        const { code, out, err } = await runHere(args)
        expect({ code, out }).to.deep.equal({ code: 2, out: '' })
        expect(err).to.match(says)
        expect(err.split('\n')).to.have.length(1)
      })
    }

    it('switchboard, with nothing after it, shows its help', async () => {
      const { code, err } = await runHere([])
      expect(code).to.equal(2)
      for (const { name } of commands) expect(err).to.match(new RegExp(`^ {2}${name} `, 'm'))
    })
  })

  describe('for help, gives it and ends with 0', () => {
    it('switchboard --help', async () => {
      const { code, out, err } = await runHere(['--help'])
      expect({ code, err }).to.deep.equal({ code: 0, err: '' })
      expect(out).to.include('Exit codes: 0 done, 1 failed, 2 wrong usage.')
      for (const { name } of commands) expect(out).to.match(new RegExp(`^ {2}${name} `, 'm'))
    })

    it('switchboard contacts --help, which names its own commands', async () => {
      const { code, out } = await runHere(['contacts', '--help'])
      expect(code).to.equal(0)
      expect(out).to.include('import').and.include('export')
    })

    for (const { name, mentions } of commands) {
      it(`switchboard ${name} --help`, async () => {
        const { code, out, err } = await runHere([name, '--help'])
        expect({ code, err }).to.deep.equal({ code: 0, err: '' })
        for (const option of ['--settings', '--verbose', ...mentions]) expect(out).to.include(option)
      })
    }
  })

  it('gives its exit codes and streams to the shell', async () => {
    const [help, mistaken] = await Promise.all([runCommand(['--version']), runCommand(['start', '--prot'])])
    expect(help).to.deep.include({ code: 0, stderr: '' })
    expect(help.stdout).to.match(/^\d+\.\d+\.\d+\n$/)
    expect(mistaken).to.deep.include({ code: 2, stdout: '' })
    expect(mistaken.stderr).to.match(/^switchboard: unknown option '--prot'.*\n$/)
  })
})

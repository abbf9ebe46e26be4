import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { expect } from 'chai'
import { z } from 'zod'
import { run } from '../src/cli/program.ts'
import { withEnvironment } from '../src/settings/env.ts'
import { roles } from '../src/settings/roles.ts'
import { checkout, runCommand } from './support/process.ts'
import { skip } from './support/skip.ts'
import { type TempFolder, tempFolder } from './support/temp-folder.ts'

/** The parser knows no merging of mappings, which compose does. */
const merged = (value: unknown) => {
  const { '<<': base, ...own } = z.record(z.string(), z.unknown()).parse(value)
  return typeof base === 'object' ? { ...base, ...own } : own
}

const service = z.looseObject({
  image: z.string(),
  command: z.array(z.string()).optional(),
  environment: z.record(z.string(), z.string()).default({}),
  depends_on: z.record(z.string(), z.looseObject({ condition: z.string() })).default({}),
  stop_grace_period: z.string().optional(),
})
const composition = z.looseObject({
  services: z.record(z.string(), z.preprocess(merged, service)),
  networks: z.object({ inside: z.object({ ipam: z.object({ config: z.tuple([z.object({ subnet: z.string() })]) }) }) }),
})
type Service = z.output<typeof service>

/** The parser that comes with mocha. */
const yaml = z
  .object({ load: z.custom<(text: string) => unknown>((value) => typeof value === 'function') })
  .parse(createRequire(createRequire(import.meta.url).resolve('mocha'))('js-yaml'))

const read = (name: string) => readFileSync(join(checkout, 'deploy', name), 'utf8')
const { services, networks } = composition.parse(yaml.load(read('compose.yaml')))
const ours = Object.entries(services).filter(([, { image }]) => image === 'switchboard')
const dockerfile = read('Dockerfile')
const nginx = read('nginx.conf')
/** What compose would put in the place of variables. */
const given: Readonly<Record<string, string>> = {
  PUBLIC_URL: 'https://sms.example.org',
  POSTGRES_PASSWORD: 'database-password',
  REDIS_PASSWORD: 'redis-password',
  GATEWAY_SECRET: 'a-secret-of-the-gateway',
  GATEWAY_URL: 'https://gateway.example.org/send',
}

function environmentOf({ environment }: Service): Readonly<Record<string, string>> {
  const values = Object.entries(environment).map(([name, text]) => {
    const value = text.replace(/\$\{(\w+)(?::-([^}]*)|:\?)?\}/g, (_, variable, otherwise) => {
      return given[variable] ?? otherwise ?? ''
    })
    return [name, value] as const
  })
  return Object.fromEntries(values)
}

function required(name: string): Service {
  const found = services[name]
  if (found === undefined) throw new Error(`compose.yaml has no service ${name}`)
  return found
}

/** The first that looks up names of an upstream again, as a number to compare. */
const OLDEST_NGINX = 1_027_003

describe('deploy/', () => {
  let folder: TempFolder

  before(() => {
    folder = tempFolder()
  })

  after(() => folder.remove())

  it('has a process of each role that shares work, and one that migrates', () => {
    const commands = ours.map(([, { command }]) => command?.join(' '))
    expect(commands).to.have.members(['migrate', 'start --role web', 'start --role worker'])
  })

  for (const [name, { command = [] }] of ours) {
    it(`starts ${name} by a command that there is`, async () => {
      const printed: string[] = []
      const output = { out: (line: string) => printed.push(line), err: (line: string) => printed.push(line) }
      expect(await run([...command, '--help'], output), printed.join('\n')).to.equal(0)
      const role = command[command.indexOf('--role') + 1]
      if (command.includes('--role')) expect(roles).to.include(role)
    })

    it(`gives ${name} variables that settings have, or that its settings file reads`, () => {
      const read = deployedSettings()
      const unknown = Object.keys(services[name]?.environment ?? {}).filter(
        (variable) => withEnvironment({}, { [variable]: '1' }).origins.size === 0 && !read.includes(variable),
      )
      expect(unknown).to.deep.equal([])
    })
  }

  it('names all that it wants to be told in .env.example, and nothing else', () => {
    const wanted = [...read('compose.yaml').matchAll(/\$\{(\w+)/g)].map(([, name = '']) => name)
    const told = [...read('.env.example').matchAll(/^(\w+)=/gm)].map(([, name = '']) => name)
    expect(told.sort()).to.deep.equal([...new Set(wanted)].sort())
  })

  it('waits for services that there are', () => {
    for (const each of Object.values(services))
      expect(services).to.include.all.keys('web', ...Object.keys(each.depends_on))
  })

  it('has settings that load, with the variables of compose', async () => {
    const env = environmentOf(required('web'))
    const { code, stdout, stderr } = await runCommand(
      ['routes', '--settings', join(checkout, 'deploy', 'settings.ts')],
      {
        cwd: folder.path,
        env,
      },
    )
    expect(stderr).to.equal('')
    expect(code).to.equal(0)
    expect(stdout).to.contain('gateway').and.not.contain(given['GATEWAY_SECRET'])
  }).timeout(30_000)

  it('believes the headers of its own network, and the whole of it', () => {
    expect(read('settings.ts')).to.contain(`trustedProxies: ['${networks.inside.ipam.config[0].subnet}']`)
  })

  it('keeps what Redis holds on disk, and has it refuse instead of forgetting lanes', () => {
    const line = required('redis').command?.join(' ')
    expect(line).to.contain('--appendonly yes').and.contain('--maxmemory-policy noeviction')
  })

  it('copies paths that there are into the image', () => {
    const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, paths = '']) => paths.split(' '))
    expect(copied).to.include.members(['src', 'package-lock.json'])
    expect(copied.filter((path) => !existsSync(join(checkout, path)))).to.deep.equal([])
    const sent = readFileSync(join(checkout, 'deploy', 'Dockerfile.dockerignore'), 'utf8')
    expect(copied.filter((path) => !sent.includes(`\n!${path}\n`))).to.deep.equal([])
  })

  it('runs node itself, as somebody without rights, so that SIGTERM reaches it', () => {
    expect(dockerfile).to.match(/^ENTRYPOINT \["node", /m)
    const last = dockerfile.slice(dockerfile.lastIndexOf('\nFROM '))
    expect(last).to.match(/^USER node$/m)
    const drainSeconds = 10
    for (const [name, { stop_grace_period: period = '0s' }] of ours) {
      expect(Number.parseInt(period, 10), name).to.be.greaterThan(drainSeconds)
    }
  })

  it('proxies to the port that processes serve on', () => {
    const { PORT } = environmentOf(required('web'))
    expect(nginx).to.contain(`server web:${PORT} `)
    for (const header of ['Host', 'X-Forwarded-Host', 'X-Forwarded-Proto', 'X-Forwarded-For']) {
      expect(nginx).to.match(new RegExp(`proxy_set_header ${header} \\$`))
    }
  })

  it('is taken by nginx', function () {
    const version = nginxVersion()
    if (version === undefined || version < OLDEST_NGINX) skip(this, 'there is no nginx of 1.27.3 or later')
    // The file as it is, but for what is there in a container alone: certificates.
    const withoutTls = nginx.replace(/^\s*ssl_certificate.*$/gm, '').replace('listen 443 ssl', 'listen 443')
    const { status, stderr } = spawnSync('nginx', ['-t', '-p', folder.path, '-c', '/dev/stdin'], { input: withoutTls })
    expect(status, String(stderr)).to.equal(0)
  })
})

function deployedSettings(): readonly string[] {
  return [...read('settings.ts').matchAll(/process\.env\['(\w+)'\]/g)].map(([, name = '']) => name)
}

function nginxVersion(): number | undefined {
  const printed = spawnSync('nginx', ['-v'], { encoding: 'utf8' }).stderr
  const version = /nginx\/(\d+)\.(\d+)\.(\d+)/.exec(printed ?? '')
  return version?.slice(1).reduce((sum, part) => sum * 1_000 + Number(part), 0)
}

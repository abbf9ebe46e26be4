import { expect } from 'chai'
import { copyCheckout } from '../support/checkout-copy.ts'
import { type RunningServer, serving, startProcess } from '../support/process.ts'
import { answered, post } from '../support/project.ts'
import type { TempFolder } from '../support/temp-folder.ts'
import { until } from '../support/until.ts'

describe('npm start', function () {
  this.timeout(120_000)
  let copy: TempFolder

  before(async () => {
    copy = await copyCheckout('settings.ts')
  })

  after(() => copy.remove())

  function npmStart(...args: readonly string[]): Promise<RunningServer> {
    const rest = args.length === 0 ? [] : ['--', ...args]
    // A group of its own, as a terminal gives it to what is started there.
    const options = { cwd: copy.path, env: { PORT: '0', npm_config_loglevel: 'notice' }, detached: true }
    return serving(startProcess('npm', ['start', ...rest], options), 60_000)
  }

  /** The process that serves, whatever stands between it and npm. */
  async function serverOf(server: RunningServer): Promise<number> {
    const { stdout } = await startProcess('ps', ['-e', '-o', 'pid=,ppid=,args=']).exited
    const rows = stdout.split('\n').map((line) => line.trim().split(/\s+/))
    const below = (pid: string): string[] =>
      rows.filter(([, parent]) => parent === pid).flatMap(([id = '']) => [id, ...below(id)])
    const found = below(String(server.pid)).at(-1)
    return Number(found)
  }

  const isAlive = (pid: number) => {
    try {
      return process.kill(pid, 0)
    } catch {
      return false
    }
  }

  const ways = [
    { name: 'SIGTERM to npm', send: ({ pid }: RunningServer) => process.kill(pid, 'SIGTERM') },
    {
      name: 'SIGTERM to the process that npm has started',
      send: async (server: RunningServer) => {
        const { stdout } = await startProcess('ps', ['-o', 'pid=', '--ppid', String(server.pid)]).exited
        process.kill(Number(stdout.trim()), 'SIGTERM')
      },
    },
    { name: 'SIGTERM to the whole group', send: ({ pid }: RunningServer) => process.kill(-pid, 'SIGTERM') },
    { name: 'Ctrl-C, a SIGINT to the whole group', send: ({ pid }: RunningServer) => process.kill(-pid, 'SIGINT') },
  ]

  for (const { name, send } of ways) {
    it(`stops in good order on ${name}`, async () => {
      const server = await npmStart()
      const pid = await serverOf(server)
      expect(await post(server, '1112223333', 'echo hello')).to.equal('200 OK')
      await answered(server, '1112223333', 'hello')
      await send(server)
      const { code, signal, stdout, stderr } = await server.exited
      expect({ code, signal }, stderr).to.deep.equal({ code: 0, signal: null })
      expect(stdout).to.include('"msg":"stopped"')
      await until('the server is gone', () => !isAlive(pid))
    })
  }

  it('hands arguments on, and serves the settings of this repository', async () => {
    const server = await npmStart('--host', '127.0.0.1', '--port', '0')
    expect(await post(server, '1', 'ping')).to.equal('200 OK')
    await answered(server, '1', 'pong')
    expect(await server.stop()).to.deep.include({ code: 0 })
  })
})

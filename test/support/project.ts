import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runQuickly } from './command.ts'
import { type CommandOptions, type Exit, type RunningServer, startCommand, startServer } from './process.ts'
import { tempFolder } from './temp-folder.ts'
import { until } from './until.ts'

/** A folder with a settings file, as a user has one: without a node_modules, the database below `data/`. */
export interface Project {
  readonly folder: string
  file(name: string): string
  write(name: string, content: string): void
  run(args: readonly string[], options?: CommandOptions): Promise<Exit>
  start(args?: readonly string[], options?: CommandOptions): Promise<RunningServer>
  /** `start` that is not expected to serve. */
  startInVain(args?: readonly string[], options?: CommandOptions): Promise<Exit>
  /** Ends what was started and is still there, and removes the folder. */
  remove(): Promise<void>
}

export const plainSettings = `
import { defineSettings } from 'sms-switchboard'
import { defaultReply, echo } from 'sms-switchboard/apps'
import { httptester } from 'sms-switchboard/backends'

export default defineSettings({
  backends: { httptester: httptester() },
  apps: [echo(), defaultReply()],
  console: { enabled: false },
})
`

/** Makes a project of a settings file's text. */
export function createProject(settings = plainSettings): Project {
  const folder = tempFolder()
  const servers: RunningServer[] = []
  const inFolder = (options: CommandOptions): CommandOptions => ({ cwd: folder.path, ...options })
  const project: Project = {
    folder: folder.path,
    file: (path) => join(folder.path, path),
    write: (path, content) => writeFileSync(join(folder.path, path), content),
    run: (args, options = {}) => runQuickly(args, inFolder(options)),
    async start(args = [], options = {}) {
      const server = await startServer(args, inFolder(options))
      servers.push(server)
      return server
    },
    startInVain: (args = [], { env, ...options } = {}) =>
      startCommand(['start', ...args], inFolder({ ...options, env: { PORT: '0', ...env } })).stop('SIGCONT'),
    async remove() {
      await Promise.all(servers.map((server) => server.stop('SIGKILL')))
      folder.remove()
    },
  }
  project.write('settings.ts', settings)
  return project
}

/** One message of `messages.json`. */
export interface Shown {
  readonly id: string
  readonly direction: 'in' | 'out'
  readonly text: string
  readonly state: string
}

/** Sends a message as curl would; gives the status and the body of the answer. */
export async function post(server: RunningServer, identity: string, text: string): Promise<string> {
  const response = await fetch(`${server.url}/backends/httptester/`, {
    method: 'POST',
    body: new URLSearchParams({ identity, text }),
  })
  return `${response.status} ${await response.text()}`
}

export async function conversation(server: RunningServer, identity: string): Promise<readonly Shown[]> {
  const response = await fetch(`${server.url}/backends/httptester/messages.json?identity=${identity}`)
  return (await response.json()) as Shown[]
}

/** Waits until a person has been sent this text. */
export function answered(server: RunningServer, identity: string, text: string, limit?: number): Promise<Shown> {
  return until(
    `"${text}" to ${identity}`,
    async () => (await conversation(server, identity)).find((line) => line.direction === 'out' && line.text === text),
    limit,
  )
}

import { run } from '../../src/cli/program.ts'
import { type CommandOptions, commandEnvironment, type Exit, runCommand } from './process.ts'

let last: Promise<unknown> = Promise.resolve()

/**
 * Runs the command `switchboard` to its end, within this process where that shows the same: a process takes longer to
 * start than most commands take to run. One after the other, since they share a working folder and an environment.
 */
export function runQuickly(args: readonly string[], options: CommandOptions = {}): Promise<Exit> {
  const needsProcess = args[0] === 'start' || options.input !== undefined || options.nodeArgs !== undefined
  if (needsProcess) return runCommand(args, options)
  const running = last.then(() => runHere(args, options))
  last = running.catch(() => {})
  return running
}

async function runHere(args: readonly string[], { cwd, env }: CommandOptions): Promise<Exit> {
  const before = { cwd: process.cwd(), env: { ...process.env } }
  const printed = { stdout: '', stderr: '' }
  const output = {
    out(line: string) {
      printed.stdout += `${line}\n`
    },
    err(line: string) {
      printed.stderr += `${line}\n`
    },
  }
  become(cwd ?? before.cwd, commandEnvironment(env ?? {}))
  try {
    return { code: await run(args, output), signal: null, ...printed }
  } finally {
    become(before.cwd, before.env)
  }
}

function become(cwd: string, env: NodeJS.ProcessEnv): void {
  process.chdir(cwd)
  for (const name of Object.keys(process.env)) if (!(name in env)) delete process.env[name]
  Object.assign(process.env, env)
}

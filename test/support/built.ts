import { startProcess } from './process.ts'

/** Sees to it that `dist` is what `src` compiles to; quick when it is already. For the `before` of tests that use it. */
export async function built(): Promise<void> {
  const { code, stderr } = await startProcess(process.execPath, ['scripts/build.mjs']).exited
  if (code !== 0) throw new Error(stderr)
}

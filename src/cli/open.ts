import { silentLogger } from '../messages/logger.ts'
import type { Queue } from '../queue/queue.ts'
import { findSettings, loadSettings, readDotEnv } from '../settings/load.ts'
import type { SettingsInput } from '../settings/schema.ts'
import { createSwitchboard, type Switchboard } from '../settings/switchboard.ts'
import { ownModules } from './own-modules.ts'

export interface CommonOptions {
  readonly settings?: string
  readonly verbose?: boolean
}

/** Reads the settings file that the options name, and the `.env` beside it. */
export async function readSettings(options: CommonOptions): Promise<SettingsInput> {
  const file = findSettings(options.settings, process.cwd())
  readDotEnv(file)
  return loadSettings(file, await ownModules())
}

/**
 * Opens a switchboard that records but works nothing, for a command that may run beside a server; what it records is
 * told to that server through the store.
 */
export async function besideServer<T>(
  options: CommonOptions,
  act: (switchboard: Switchboard) => Promise<T>,
): Promise<T> {
  const switchboard = createSwitchboard(await readSettings(options), {
    env: process.env,
    logger: silentLogger,
    role: 'command',
    queue: () => new QuietQueue(),
  })
  const { store } = switchboard.parts
  await store.open()
  try {
    await switchboard.router.open()
    return await act(switchboard)
  } finally {
    // Nothing is in hand here but hooks.
    await switchboard.router.stop(switchboard.settings.queue.drain)
    await switchboard.parts.http.close()
    await store.close()
  }
}

/** Works nothing. */
class QuietQueue implements Queue {
  /** The store has left word of the lane already, within the commit that recorded what is to be worked. */
  async ring(): Promise<void> {}

  hold(): void {}

  letOne(): void {}

  work(): void {}

  async stop(): Promise<number> {
    return 0
  }

  size(): number {
    return 0
  }

  async ping(): Promise<void> {}

  onForgotten(): void {}
}

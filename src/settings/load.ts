import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { createJiti } from 'jiti'
import * as zod from 'zod'
import { errorText } from '../messages/errors.ts'
import { SettingsError } from './errors.ts'
import type { SettingsInput } from './schema.ts'

const USUAL_FILES = ['settings.ts', 'settings.js', 'settings.mjs']

/** What a settings file may import of us: the modules of the running instance, so that classes are the same. */
export type OwnModules = Readonly<Record<string, unknown>>

/**
 * Finds the settings file.
 * @param given as the user wrote it; without it, `settings.ts` or `.js` of the working folder
 * @throws SettingsError when there is none
 */
export function findSettings(given: string | undefined, folder: string): string {
  if (given !== undefined) {
    const file = resolve(folder, given)
    if (existsSync(file)) return file
    throw new SettingsError([{ path: '', message: `there is no file ${file}` }])
  }
  const found = USUAL_FILES.map((name) => join(folder, name)).find((file) => existsSync(file))
  if (found !== undefined) return found
  throw new SettingsError([{ path: '', message: `there is no settings.ts in ${folder}; name one by --settings FILE` }])
}

/** Reads the `.env` beside a settings file, if there is one, under what the environment says already. */
export function readDotEnv(settingsFile: string): void {
  const file = join(dirname(settingsFile), '.env')
  if (!existsSync(file)) return
  try {
    process.loadEnvFile(file)
  } catch (error) {
    throw new SettingsError([{ path: file, message: errorText(error) }], { cause: error })
  }
}

/**
 * Loads a settings file, TypeScript as it is, from any folder, whether that has a `node_modules` or not.
 * @throws SettingsError when it cannot be read or run
 */
export async function loadSettings(file: string, ownModules: OwnModules): Promise<SettingsInput> {
  const jiti = createJiti(pathToFileURL(file).href, {
    virtualModules: { ...ownModules, zod },
    fsCache: false,
  })
  try {
    return await jiti.import<SettingsInput>(file, { default: true })
  } catch (error) {
    throw new SettingsError([{ path: file, message: errorText(error) }], { cause: error })
  }
}

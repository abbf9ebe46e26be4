import { existsSync } from 'node:fs'
import { dirname, join, resolve, sep } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { createJiti } from 'jiti'
import * as zod from 'zod'
import { errorText } from '../messages/errors.ts'
import { SettingsError, type SettingsFault } from './errors.ts'
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
 * @throws SettingsError when it cannot be read or run, naming the file and the place in it
 */
export async function loadSettings(file: string, ownModules: OwnModules): Promise<SettingsInput> {
  const jiti = createJiti(pathToFileURL(file).href, {
    virtualModules: { ...ownModules, zod },
    fsCache: false,
  })
  let module: Readonly<Record<string, unknown>>
  try {
    module = await jiti.import<Readonly<Record<string, unknown>>>(file)
  } catch (error) {
    throw new SettingsError([placed(error, file)], { cause: error })
  }
  const exported = 'default' in module ? module['default'] : undefined
  if (typeof exported === 'object' && exported !== null && 'backends' in exported) return exported as SettingsInput
  throw new SettingsError([
    { path: file, message: 'export default defineSettings({ backends: …, apps: … }) is expected' },
  ])
}

const OWN_FOLDER = fileURLToPath(new URL('..', import.meta.url))
// An imported name as the transformed file writes it.
const TRANSFORMED_NAME = /\(0 , _\w+\.(\w+)\)/g
const PLACE = /((?:\/|[a-z]:\\)[^():\n]+):(\d+):(\d+)/gi

/** What was thrown while the file ran, with the place in the project's files that it came from. */
function placed(error: unknown, file: string): SettingsFault {
  const [first = '', ...more] = errorText(error).replace(TRANSFORMED_NAME, '$1').split('\n')
  // The parser writes the place into the message; whatever ran has it in its stack.
  const isParseError = first.startsWith('ParseError: ')
  const source = isParseError ? more.join('\n') : error instanceof Error ? (error.stack ?? '') : ''
  const folder = join(dirname(file), sep)
  for (const [, path = '', line, column] of source.replaceAll('file://', '').matchAll(PLACE)) {
    if (!path.startsWith(folder) || path.includes('node_modules') || path.startsWith(OWN_FOLDER)) continue
    // The parser counts columns from 0, everybody else from 1.
    const place = `${path}:${line}:${Number(column) + (isParseError ? 1 : 0)}`
    return { path: place, message: first.replace('ParseError: ', '').trim() }
  }
  return { path: file, message: first.trim() }
}

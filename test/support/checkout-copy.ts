import { cpSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { built } from './built.ts'
import { checkout } from './process.ts'
import { type TempFolder, tempFolder } from './temp-folder.ts'

const FILES = ['package.json', 'package-lock.json', 'tsconfig.json', 'tsconfig.build.json']
const FOLDERS = ['scripts', 'src', 'dist']

/** What the scripts of this checkout need, built and set up, in a folder of its own; with further files by name. */
export async function copyCheckout(...further: readonly string[]): Promise<TempFolder> {
  built()
  const copy = tempFolder()
  for (const name of [...FILES, ...FOLDERS, ...further]) {
    cpSync(join(checkout, name), join(copy.path, name), { recursive: true })
  }
  symlinkSync(join(checkout, 'node_modules'), join(copy.path, 'node_modules'))
  return copy
}

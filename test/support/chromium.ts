import { existsSync } from 'node:fs'
import { type BrowserContext, type BrowserContextOptions, chromium } from 'playwright-core'
import { tempFolder } from './temp-folder.ts'

const CHROMIUM = '/usr/bin/chromium'

const ARGUMENTS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** A browser with a profile of its own. */
export interface TestBrowser {
  readonly context: BrowserContext
  close(): Promise<void>
}

/** Why tests in a browser cannot run here; undefined where they can. With CI=true a missing browser is a failure. */
export function whyNoBrowser(): string | undefined {
  if (existsSync(CHROMIUM)) return undefined
  const why = `${CHROMIUM} is missing; it comes with: apt-get install -y chromium`
  if (process.env['CI'] === 'true') throw new Error(why)
  return why
}

/** Starts Debian's Chromium with a fresh profile in a temporary folder. */
export async function startBrowser(options: BrowserContextOptions = {}): Promise<TestBrowser> {
  const profile = tempFolder()
  const context = await chromium.launchPersistentContext(profile.path, {
    executablePath: CHROMIUM,
    args: ARGUMENTS,
    ...options,
  })
  return {
    context,
    async close() {
      await context.close()
      profile.remove()
    },
  }
}

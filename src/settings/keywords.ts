import type { Logger } from '../messages/logger.ts'
import type { App } from '../router/app.ts'

/** Two apps that claim the same keyword: the later one never hears it, which is seldom meant. */
export function warnOfSharedKeywords(apps: readonly App[], logger: Logger): void {
  const owners = new Map<string, string>()
  for (const app of apps) {
    if (app.only !== undefined) continue
    for (const word of app.keywords ?? []) {
      const owner = owners.get(word)
      if (owner === undefined) owners.set(word, app.name)
      else
        logger.warn(
          { keyword: word, apps: [owner, app.name] },
          `two apps claim the keyword "${word}"; the first one gets it`,
        )
    }
  }
}

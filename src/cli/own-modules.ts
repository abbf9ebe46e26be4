import type { OwnModules } from '../settings/load.ts'

/** What settings files import by the package's name. */
export async function ownModules(): Promise<OwnModules> {
  const name = 'sms-switchboard'
  return {
    [name]: await import('../index.ts'),
    [`${name}/apps`]: await import('../apps/index.ts'),
    [`${name}/backends`]: await import('../backends/index.ts'),
    [`${name}/http`]: await import('../http/index.ts'),
    [`${name}/testing`]: await import('../testing/index.ts'),
  }
}

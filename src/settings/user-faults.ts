import type { UsersSettings } from '../http/users/settings.ts'
import type { SettingsFault } from './errors.ts'

/** What the schema of users cannot see: whether their backends are there, and whether they can show who they are. */
export function userFaults(users: UsersSettings | undefined, backends: readonly string[]): SettingsFault[] {
  const seen = new Map<string, string>()
  return Object.entries(users ?? {}).flatMap(([name, user]) => {
    const place = `http.users.${name}`
    const faults: SettingsFault[] = []
    if (user.password === undefined && user.keys.length === 0) {
      faults.push({ path: place, message: 'a password or a key is expected' })
    }
    for (const [index, backend] of (user.backends ?? []).entries()) {
      if (backends.includes(backend)) continue
      const message = `there is no such backend; there are ${backends.join(', ')}`
      faults.push({ path: `${place}.backends.${index}`, message })
    }
    for (const [index, key] of user.keys.entries()) {
      const other = seen.get(key)
      if (other !== undefined)
        faults.push({ path: `${place}.keys.${index}`, message: `the key is one of ${other} already` })
      seen.set(key, place)
    }
    return faults
  })
}

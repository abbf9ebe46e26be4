import { SwitchboardError } from '../messages/errors.ts'

/** One fault of the settings: where it stands and what was expected there. */
export interface SettingsFault {
  /** `backends.kannel.sendsmsUrl`, or the name of an environment variable. */
  readonly path: string
  readonly message: string
}

/** The settings cannot be used; every fault of the whole file is told at once. */
export class SettingsError extends SwitchboardError {
  readonly code = 'SETTINGS'
  readonly faults: readonly SettingsFault[]

  constructor(faults: readonly SettingsFault[], options?: { cause?: unknown }) {
    const lines = faults.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`))
    const list = lines.length === 1 ? ` ${lines[0]}` : `\n  ${lines.join('\n  ')}`
    super(`The settings cannot be used:${list}`, options)
    this.faults = faults
  }
}

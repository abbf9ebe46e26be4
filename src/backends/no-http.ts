import type { HttpClient } from '../router/backend.ts'
import { UnsupportedError } from '../router/errors.ts'

/** The client of a backend in debug mode: asks nobody. */
export const noHttp: HttpClient = {
  async request() {
    throw new UnsupportedError('Debug is on: nothing leaves.')
  },
}

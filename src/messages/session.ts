import type { Fields } from './incoming.ts'

/** Whether a message belongs to a dialogue that the person has dialled, such as USSD: backends tell it in `fields.session`. */
export function isInSession({ session }: Fields): boolean {
  return typeof session === 'object' && session !== null
}

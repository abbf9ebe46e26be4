import type { Connection } from '../messages/incoming.ts'
import type { Contact } from './contact.ts'

/** What an app changed through its context; committed together with the message's result. */
export type Change =
  | { readonly kind: 'contact-created'; readonly contact: Contact }
  | {
      readonly kind: 'contact-changed'
      readonly id: string
      readonly values: Partial<Pick<Contact, 'name' | 'language' | 'timeZone' | 'optedOutAt'>>
      /** It is a conflict when the contact is not there any more. */
      readonly required?: boolean
    }
  | {
      readonly kind: 'connection-linked'
      readonly connection: Connection
      readonly contactId: string
      /** Whose it was when it was read, null for nobody's; somebody else's by now is a conflict. */
      readonly from?: string | null
    }
  | { readonly kind: 'group-joined' | 'group-left'; readonly group: string; readonly contactId: string }
  | {
      readonly kind: 'document-put'
      readonly scope: string
      readonly key: string
      /** `undefined` removes the document. */
      readonly value: unknown
      /** The version that was read, 0 when there was none; another one by now is a conflict. */
      readonly version: number
    }

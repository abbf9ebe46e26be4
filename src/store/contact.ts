/** A person. */
export interface Contact {
  readonly id: string
  readonly name: string
  /** A BCP 47 tag. */
  readonly language: string | null
  /** An IANA name. */
  readonly timeZone: string | null
  readonly optedOutAt: number | null
  readonly createdAt: number
}

/** What was sent under one name. */
export interface Usage {
  readonly messages: number
  readonly parts: number
  readonly cost: number
}

/** What may be sent under one name. What is left out is not bounded. */
export type UsageLimits = { readonly [K in keyof Usage]?: number | undefined }

/** Counts what was sent, for all processes together. */
export interface UsageStore {
  /**
   * Counts `what`, unless that would go beyond a limit.
   * @param expiresAt milliseconds since 1970; the count may be removed after it
   * @returns false when it would; nothing is counted then
   */
  take(name: string, what: Usage, limits: UsageLimits, expiresAt: number): Promise<boolean>
  /** Corrects what was taken; negative numbers give back, never below 0. A name that is not there is left alone. */
  correct(name: string, by: Usage): Promise<void>
  get(name: string): Promise<Usage>
}

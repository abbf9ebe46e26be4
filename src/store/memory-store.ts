/** What backends keep from one call to the next, and who is the one that does what only one process may do. */
export interface MemoryStore {
  get(backend: string, key: string): Promise<unknown>
  /** @param value plain JSON; `undefined` forgets it */
  put(backend: string, key: string, value: unknown): Promise<void>
  /**
   * Takes or keeps a lease that nobody else holds.
   * @returns false when somebody else does
   */
  lease(name: string, holder: string, now: number, until: number): Promise<boolean>
  /** Gives it back; nothing happens when somebody else holds it. */
  release(name: string, holder: string): Promise<void>
}

/** Messages that are recorded once under a key, however often their sender asks. */
export interface KeyedSend<Message> {
  readonly key: string
  /** Of what was asked for: the same key may not stand for something else. */
  readonly digest: string
  /** Names this asking, to tell it from others that are made at the same time. */
  readonly id: string
  /** Plain JSON: what the sender is told, now and whenever it asks again. */
  readonly result: unknown
  readonly messages: readonly Message[]
  /** Milliseconds since 1970. */
  readonly now: number
  /** From then on the key is as if it had never been used. */
  readonly expiresAt: number
}

/** What a key stands for. */
export interface KeptSend {
  readonly digest: string
  readonly result: unknown
}

/** The sends that are known by a key. */
export interface KeyedSends<Message> {
  find(key: string, now: number): Promise<KeptSend | undefined>
  /**
   * Records the messages and the key in one commit.
   * @returns what the key stands for already, and then nothing was recorded; undefined when this was the first
   */
  record(send: KeyedSend<Message>): Promise<KeptSend | undefined>
  /** As if the key had never been used; messages that were recorded with it stay. */
  forget(key: string): Promise<void>
}

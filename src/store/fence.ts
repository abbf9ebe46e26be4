/** Proof that its holder is the one who works a lane. A commit whose fence is no longer good is refused. */
export interface Fence {
  readonly lane: string
  readonly token: number
}

export interface Claim<Message> {
  readonly fence: Fence
  readonly messages: readonly Message[]
}

/** What a command prints to. */
export interface Output {
  out(line: string): void
  err(line: string): void
}

/** Why a body cannot be parsed, or not be rendered with these values. The text names the line and, where known, the variable. */
export class TemplateFault extends Error {
  /** The variable that has no value. */
  readonly variable: string | null

  constructor(message: string, variable: string | null = null) {
    super(message)
    this.name = 'TemplateFault'
    this.variable = variable
  }
}

/** A text as it is searched by: without case and without marks on its letters, so that `jose` finds José. */
export function foldedName(text: string): string {
  return text.toWellFormed().normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase()
}

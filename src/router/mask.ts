/** A number or name as logs show it: enough to recognise, too little to call. `+254712345678` becomes `+254*****678`. */
export function maskIdentity(identity: string): string {
  if (identity.length <= 4) return '*'.repeat(identity.length)
  const shown = Math.min(4, Math.floor(identity.length / 3))
  const end = Math.min(3, shown)
  return identity.slice(0, shown) + '*'.repeat(identity.length - shown - end) + identity.slice(-end)
}

/** What a report on traffic can tell apart, beside months. */
export const trafficGroups = ['network', 'tag', 'backend', 'country'] as const
export type Group = (typeof trafficGroups)[number]

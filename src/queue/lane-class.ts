import { type Lane, type MessageClass, messageClasses } from '../messages/lane.ts'

/** The class a lane waits in. One that nobody knows, as an older database may hold it, is none to stop all others for. */
export function laneClass(lane: Lane): MessageClass {
  if (lane.kind === 'incoming') return 'normal'
  return messageClasses.includes(lane.class) ? lane.class : 'normal'
}

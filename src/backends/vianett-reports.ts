import { z } from 'zod'
import type { Fields } from '../messages/incoming.ts'
import type { DeliveryReport } from '../messages/report.ts'
import { plainText } from './form.ts'
import { type StateTable, standingOf } from './provider-codes.ts'

/** `Status` of a notification by the phone's network. Words of which only the first three are known from ViaNett. */
const states = {
  DELIVRD: 'DELIVERED',
  ACCEPTD: 'SENT',
  BUFFERD: 'SENT',
  // what SMSCs say of validity that is over
  EXPIRED: 'EXPIRED',
  UNDELIV: 'ERROR',
  REJECTD: 'ERROR',
  DELETED: 'ERROR',
} satisfies StateTable

interface Named {
  readonly requesttype?: string | undefined
  readonly errorcode?: string | undefined
  readonly ErrorCode?: string | undefined
  readonly Status?: string | undefined
}

function kindOf({ requesttype = '', errorcode, ErrorCode, Status }: Named): 'notification' | 'message' | undefined {
  const named = requesttype.trim().toLowerCase()
  if (named === 'notificationstatus') return 'notification'
  if (named === 'mtstatus') return 'message'
  if (named !== '') return undefined
  if (errorcode !== undefined || ErrorCode !== undefined) return 'message'
  return Status === undefined ? undefined : 'notification'
}

const word = plainText.max(1024).optional()

/** The three kinds of reports; `errorcode` and `ErrorCode` are two names. */
export const vianettReport = z
  .looseObject({
    refno: plainText.trim().min(1, 'may not be empty').max(1024),
    requesttype: word,
    errorcode: word,
    ErrorCode: word,
    ErrorDescription: word,
    Status: word,
    StatusCode: word,
    StatusDescription: word,
    Tel: word,
    msgok: word,
  })
  // An incoming message at this URL would be lost if it were answered as a report.
  .refine((values) => kindOf(values) !== undefined, { path: ['requesttype'], error: 'is not that of a report' })
export type VianettReport = z.output<typeof vianettReport>

export const vianettReportNames: readonly string[] = [
  'refno',
  'requesttype',
  'ErrorDescription',
  'Status',
  'StatusCode',
  'StatusDescription',
  'Tel',
  'msgok',
]

export function vianettReportOf(values: VianettReport): DeliveryReport {
  const { refno, Tel = '', StatusDescription, ErrorDescription, Status, StatusCode } = values
  const isNotification = kindOf(values) === 'notification'
  const code = isNotification ? (StatusCode ?? Status) : (values.ErrorCode ?? values.errorcode)
  const standing = isNotification ? standingOf(states, (Status ?? '').trim().toUpperCase()) : standingOfCode(values)
  const words = isNotification ? [Status, StatusDescription] : [ErrorDescription, Status]
  const text = words.filter((each) => each !== undefined && each !== '').join(': ')
  return {
    externalId: refno,
    ...standing,
    ...(Tel === '' ? {} : { identity: Tel }),
    ...(code === undefined || code === '' ? {} : { code }),
    ...(text === '' ? {} : { text }),
    fields: vianettFields(values, ['refno']),
  }
}

/** Success is 200 where the name is `ErrorCode` and 0 where it is `errorcode`; `msgok` -1 says that it is not over. */
function standingOfCode({ ErrorCode, errorcode, msgok }: VianettReport): Pick<DeliveryReport, 'state'> {
  if (msgok?.trim() === '-1') return { state: 'SENT' }
  if (ErrorCode !== undefined && ErrorCode !== '') return { state: ErrorCode.trim() === '200' ? 'DELIVERED' : 'ERROR' }
  if (errorcode === undefined || errorcode === '') return {}
  return { state: errorcode.trim() === '0' ? 'DELIVERED' : 'ERROR' }
}

/** What ViaNett says beside, under its names; never the name and password that it shows. */
export function vianettFields(values: Fields, leftOut: readonly string[] = []): Fields {
  const named = Object.entries(values).filter(([name, value]) => {
    const isKept = /^[a-z][\w-]{0,63}$/i.test(name) && !/^(?:username|password)$/i.test(name)
    return isKept && !leftOut.includes(name) && value !== '' && value !== undefined
  })
  return Object.fromEntries(named)
}

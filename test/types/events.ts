import { createSwitchboard, defineSettings, type Events, type Hook, type SendEvent } from 'sms-switchboard'
import { httptester } from 'sms-switchboard/backends'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const same = <A, B>(_: Equal<A, B>): void => {}

const settings = defineSettings({
  backends: { tester: httptester() },
  apps: [],
  events: {
    // The settings know what each list is told.
    receive: [({ message }) => message.text.trim(), { hook: async ({ message }) => message.fields, before: true }],
    send: [({ message }) => message.externalIds.length],
    status: [({ classes }, { attempt, signal }) => [classes.includes('expired'), attempt + 1, signal.aborted]],
  },
})
const { router } = createSwitchboard(settings)

const remove = router.on('status', (event) => {
  same<(typeof event)['type'], 'status'>(true)
  same<(typeof event)['classes'][number], 'accepted' | 'delivered' | 'expired' | 'error'>(true)
})
same<typeof remove, () => void>(true)

// One function for all of them tells them apart by their type.
const any = (event: Events[keyof Events]) => (event.type === 'status' ? event.report.state : event.message.identity)
router.on('send', any)
router.off('receive', any)

const onSend: Hook<'send'> = ({ message }: SendEvent) => message.cost
router.on('send', onSend, { before: true, name: 'guard' })

// @ts-expect-error there is no such event
router.on('recieve', () => {})

// @ts-expect-error that is told of other things
router.on('receive', onSend)

router.on('receive', (event) => {
  // @ts-expect-error only reports have classes
  event.classes.length
  // @ts-expect-error hooks look, apps change
  event.message.text = 'changed'
})

// @ts-expect-error there is no such event
defineSettings({ backends: {}, apps: [], events: { sent: [] } })

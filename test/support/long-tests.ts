/** Whether the tests that take minutes were asked for; without it they are shorter, and show the same. */
export const isLong = process.env['SWITCHBOARD_LONG_TESTS'] === 'true'

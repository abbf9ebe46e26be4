/** Session locks of PostgreSQL by which our processes keep out of each other's way; each database has its own. */
export const SERVER_LOCK = '7311014300001'
export const MIGRATION_LOCK = '7311014300002'
export const PURGE_LOCK = '7311014300003'
export const PARTITION_LOCK = '7311014300004'
export const CALLBACKS_LOCK = '7311014300005'

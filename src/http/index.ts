export { type KoaContext, koaMiddleware, type RequestCallback } from './koa.ts'
export type { Route } from './routes.ts'

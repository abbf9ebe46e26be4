export { type Canned, type FarRequest, type FarSide, farSide } from '../../src/testing/far-side.ts'

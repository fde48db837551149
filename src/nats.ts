export { createNatsBus, type NatsBus } from './delivery/nats/bus.ts'
export type { NatsBusOptions } from './delivery/nats/options.ts'

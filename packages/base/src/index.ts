export { type Clock, sleep, type Timer } from './clock.ts'
export { type Logger, silentLogger } from './logger.ts'
export { type Random, randomInt, uuid } from './random.ts'

/** A connection that carries so many bytes a second at most (github.com/mxk/go-flowrate, as upstream uses it for upgrades). */
import { Transform } from 'node:stream'
import { type Clock, sleep } from '@canopus/base'

/** How long a piece waits at least, in milliseconds, so that small ones do not sleep one by one. */
const SAMPLE = 100

/** Passes on what it is given, no more than `bytesPerSecond` on the average since it began. */
export function throttle(bytesPerSecond: number, clock: Clock): Transform {
  const began = clock.monotonic()
  let passed = 0
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      passed += chunk.length
      const wait = began + (passed / bytesPerSecond) * 1000 - clock.monotonic()
      if (wait < SAMPLE) return done(null, chunk)
      sleep(clock, wait).then(
        () => done(null, chunk),
        error => done(error),
      )
    },
  })
}

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SimulatedClock, silentLogger } from '@canopus/base'
import { storeConformance } from '../testing/conformance.ts'
import { openEmbeddedStore } from './embedded-store.ts'

storeConformance('embedded', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'canopus-store-'))
  const clock = new SimulatedClock()
  const store = await openEmbeddedStore({ directory, clock, logger: silentLogger })
  return {
    store,
    ttlSeconds: 60,
    passTime: ms => clock.advance(ms),
    close: async () => {
      await store.close()
      rmSync(directory, { recursive: true, force: true })
    },
  }
})

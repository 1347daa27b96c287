import { SimulatedClock } from '@canopus/base'
import { storeConformance } from '../testing/conformance.ts'
import { createMemoryStore } from './memory-store.ts'

storeConformance('memory', async () => {
  const clock = new SimulatedClock()
  const store = createMemoryStore({ clock })
  return { store, ttlSeconds: 60, passTime: ms => clock.advance(ms), close: () => store.close() }
})

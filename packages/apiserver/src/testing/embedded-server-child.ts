/**
 * An API server on an embedded store that answers requests on standard input, one JSON value a line, until it is killed.
 * Argument: the store's directory.
 */
import { createInterface } from 'node:readline'
import { silentLogger } from '@canopus/base'
import { systemClock } from '@canopus/platform'
import { openEmbeddedStore } from '@canopus/store'
import { startMemoryServer } from './memory-server.ts'

const store = await openEmbeddedStore({ directory: process.argv[2]!, clock: systemClock, logger: silentLogger })
const server = await startMemoryServer({ store })
process.stdout.write('{"id":0}\n')
for await (const line of createInterface({ input: process.stdin })) {
  const { id, method, path, body } = JSON.parse(line)
  void server.send(method, path, body).then(({ status, json }) => {
    process.stdout.write(`${JSON.stringify({ id, status, json })}\n`)
  })
}

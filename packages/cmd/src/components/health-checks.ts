/** Answers load balancers at the health check ports of services. */
import { createServer, type Server } from 'node:http'
import type { Logger } from '@canopus/base'
import { type HealthCheck, healthAnswer } from '@canopus/proxy'

/** Takes the checks that are wanted now, as often as they change: servers come and go with their ports. */
export function createHealthChecks(address: string | undefined, logger: Logger): (checks: Checks) => void {
  const servers = new Map<number, Server>()
  let current: Checks = new Map()
  return checks => {
    current = checks
    for (const [port, server] of servers) {
      if (checks.has(port)) continue
      servers.delete(port)
      server.close()
      server.closeAllConnections()
    }
    for (const port of checks.keys()) {
      if (servers.has(port)) continue
      const server = createServer((_request, response) => {
        const check = current.get(port)
        if (check === undefined) return void response.writeHead(404).end()
        const { status, headers, body } = healthAnswer(check)
        response.writeHead(status, { ...headers }).end(body)
      })
      server.on('error', error => {
        logger.error('the health check of a service cannot be answered', { port, error })
        if (servers.get(port) === server) servers.delete(port)
      })
      servers.set(port, server)
      server.listen(port, address)
    }
  }
}

type Checks = ReadonlyMap<number, HealthCheck>

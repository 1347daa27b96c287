import { isDeepStrictEqual } from 'node:util'
import type { Clock } from '@canopus/base'
import { belongTogether } from '@canopus/platform'
import { type KubeconfigUser, readKubeconfigUser } from './kubeconfig.ts'
import { createHttpsTransport, type HttpsTransport } from './transport.ts'

/** How often the file is looked at, at most, in milliseconds. */
const LOOK_EVERY = 60_000

/**
 * A transport for a kubeconfig's current context that goes on with what the file says later: client certificates are renewed
 * while programs run (upstream client-go/transport/cert_rotation.go). Requests under way are answered on their old connections.
 * Throws where the file does not have a server and credentials now.
 */
export function followKubeconfig(path: string, clock: Clock): HttpsTransport {
  let user = readKubeconfigUser(path)
  let current = createHttpsTransport(user)
  let looked = clock.monotonic()
  const retired = new Set<HttpsTransport>()
  const look = (): void => {
    if (clock.monotonic() - looked < LOOK_EVERY) return
    looked = clock.monotonic()
    const next = readIfSound(path)
    if (next === undefined || isDeepStrictEqual(next, user)) return
    user = next
    current.retire()
    retired.add(current)
    current = createHttpsTransport(user)
  }
  return {
    send(request) {
      look()
      return current.send(request)
    },
    close() {
      for (const each of [...retired, current]) each.close()
    },
    retire() {
      current.retire()
    },
  }
}

/** What the file says, but nothing while it is being written or its parts do not fit each other. */
function readIfSound(path: string): KubeconfigUser | undefined {
  try {
    const user = readKubeconfigUser(path)
    const { cert, key } = user
    return cert === undefined || key === undefined || belongTogether(cert, key) ? user : undefined
  } catch {
    return undefined
  }
}

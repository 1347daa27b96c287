import { createHash } from 'node:crypto'
import type { Container } from '@canopus/api/core/v1'

/**
 * Changes when a running container has to be replaced: upstream hashes name and image only, all that can change in place
 * and needs a new container (pkg/kubelet/container/helpers.go, HashContainer).
 */
export function containerHash(container: Pick<Container, 'name' | 'image'>): string {
  return createHash('sha256')
    .update(JSON.stringify([container.name, container.image ?? '']))
    .digest('hex')
    .slice(0, 8)
}

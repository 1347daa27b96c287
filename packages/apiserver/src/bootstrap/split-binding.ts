import { ClusterRoleBindings } from '@canopus/api'
import type { ClusterRoleBinding } from '@canopus/api/rbac/v1'
import type { Draft } from '@canopus/apimachinery'
import type { Client } from '@canopus/client'
import { ensureObject } from './ensure.ts'

/**
 * A default binding that was once a part of another: where it is missing beside that other, it begins with the subjects, labels and
 * annotations that an administrator gave the other, not with the default's (pkg/registry/rbac/rest, primeSplitClusterRoleBindings).
 */
export async function splitBinding(
  client: Client,
  from: string,
  wanted: Draft<ClusterRoleBinding> | undefined,
): Promise<void> {
  if (wanted === undefined) return
  const { items } = await client.resource(ClusterRoleBindings).list()
  const [source, existing] = [from, wanted.metadata.name].map(name => items.find(each => each.metadata.name === name))
  if (source === undefined || existing !== undefined) return
  const { labels, annotations } = source.metadata
  await ensureObject(client, ClusterRoleBindings, {
    ...wanted,
    metadata: { name: wanted.metadata.name!, ...(labels && { labels }), ...(annotations && { annotations }) },
    subjects: source.subjects ?? [],
  })
}

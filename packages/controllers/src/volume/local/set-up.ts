/** What the volumes of nodes need in the API: a class for claims, and access for those who look after the directories. */

import { ClusterRoleBindings, ClusterRoles, StorageClasses } from '@canopus/api'
import { type Draft, hasReason, type KubeObject } from '@canopus/apimachinery'
import type { ResourceClient } from '@canopus/client'
import { type Controller, type ControllerContext, defineController } from '@canopus/operator'
import { LOCAL_CLASS, LOCAL_PROVISIONER, LOCAL_VOLUMES_USER } from './names.ts'

export interface LocalVolumesOptions {
  /** Whether there is to be a class for claims that name none. */
  storageClass: boolean
}

/** Creates what is not there when it starts; what is there stays as somebody may have changed it. */
export function createLocalVolumesSetUp(context: ControllerContext, options: LocalVolumesOptions): Controller {
  return defineController(context, {
    name: 'local-volumes',
    triggers: [],
    initialKeys: [''],
    async reconcile() {
      const { client } = context
      const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: LOCAL_VOLUMES_USER }
      const subjects = [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: LOCAL_VOLUMES_USER }]
      const metadata = { name: LOCAL_VOLUMES_USER }
      await ensure(client.resource(ClusterRoles), { metadata, rules: RULES })
      await ensure(client.resource(ClusterRoleBindings), { metadata, roleRef, subjects })
      if (options.storageClass) await ensure(client.resource(StorageClasses), STANDARD)
      return undefined
    },
  })
}

const STANDARD = {
  metadata: { name: LOCAL_CLASS, annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
  provisioner: LOCAL_PROVISIONER,
  reclaimPolicy: 'Delete',
  volumeBindingMode: 'WaitForFirstConsumer',
  allowVolumeExpansion: true,
}

const RULES = [
  {
    apiGroups: [''],
    resources: ['persistentvolumes'],
    verbs: ['create', 'delete', 'get', 'list', 'update', 'watch'],
  },
  { apiGroups: [''], resources: ['persistentvolumeclaims'], verbs: ['get', 'list', 'update', 'watch'] },
  { apiGroups: [''], resources: ['persistentvolumeclaims/status'], verbs: ['update'] },
  { apiGroups: [''], resources: ['nodes'], verbs: ['get'] },
  { apiGroups: [''], resources: ['events'], verbs: ['create', 'patch'] },
  { apiGroups: ['storage.k8s.io'], resources: ['storageclasses'], verbs: ['get', 'list', 'watch'] },
]

async function ensure<T extends KubeObject>(client: ResourceClient<T>, draft: Draft<T>): Promise<void> {
  try {
    await client.create(draft)
  } catch (error) {
    if (!hasReason(error, 'AlreadyExists')) throw error
  }
}

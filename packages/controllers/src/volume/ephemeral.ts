/** Makes the claims that pods bring with them in their own spec (kubernetes pkg/controller/volume/ephemeral). */

import { PersistentVolumeClaims, Pods } from '@canopus/api'
import type { Pod } from '@canopus/api/core/v1'
import { clone, controllerReference, hasReason, isControlledBy, type ObjectMeta } from '@canopus/apimachinery'
import { perRegistry } from '@canopus/base'
import { splitKey } from '@canopus/client'
import { type Controller, type ControllerContext, defineController, on, owned, primary } from '@canopus/operator'

const hasEphemeral = (pod: Pod): boolean => (pod.spec?.volumes ?? []).some(volume => volume.ephemeral)

// Both have the same help upstream.
const HELP = '[ALPHA] Number of PersistentVolumeClaim creation requests'
const ephemeralMetrics = perRegistry(registry => ({
  creations: registry.counter('ephemeral_volume_controller_create_total', HELP).with(),
  failures: registry.counter('ephemeral_volume_controller_create_failures_total', HELP).with(),
}))

export function createEphemeralVolumeController(context: ControllerContext): Controller {
  const metrics = context.metrics && ephemeralMetrics(context.metrics)
  const pods = context.informers.informer(Pods)
  const claims = context.informers.informer(PersistentVolumeClaims)
  const client = context.client.resource(PersistentVolumeClaims)
  return defineController(context, {
    name: 'ephemeral-volume-controller',
    triggers: [
      primary(Pods, ({ object, old, deleted }) => !deleted && !old && hasEphemeral(object)),
      // A claim in the way may make room for the one that the pod needs.
      owned(PersistentVolumeClaims, Pods),
      on(PersistentVolumeClaims, ({ object, deleted }, enqueue) => {
        if (!deleted) return
        for (const pod of pods.lister.list(object.metadata.namespace)) {
          if (hasEphemeral(pod) && object.metadata.name.startsWith(`${pod.metadata.name}-`)) {
            enqueue(`${pod.metadata.namespace}/${pod.metadata.name}`)
          }
        }
      }),
    ],
    async reconcile(key) {
      const { name, namespace } = splitKey(key)
      const pod = pods.lister.get(name, namespace)
      if (!pod || pod.metadata.deletionTimestamp) return undefined
      for (const volume of pod.spec?.volumes ?? []) {
        const template = volume.ephemeral?.volumeClaimTemplate
        if (!template) continue
        const claimName = `${name}-${volume.name}`
        const known = claims.lister.get(claimName, namespace)
        if (known) {
          if (isControlledBy(known, pod)) continue
          const text = `PVC ${key}-${volume.name} was not created for pod ${key} (pod is not owner)`
          context.events.event(pod, 'Warning', 'FailedBinding', `ephemeral volume ${volume.name}: ${text}`)
          throw new Error(text)
        }
        const { labels, annotations } = template.metadata ?? {}
        const metadata: Partial<ObjectMeta> = {
          name: claimName,
          namespace: namespace!,
          ...(labels ? { labels } : {}),
          ...(annotations ? { annotations } : {}),
          ownerReferences: [controllerReference(pod, Pods)],
        }
        try {
          metrics?.creations.add()
          await client.create({ metadata, spec: clone(template.spec) })
        } catch (error) {
          metrics?.failures.add()
          // The cache does not show our own yet.
          if (hasReason(error, 'AlreadyExists')) continue
          const text = `create PVC ${claimName}: ${error instanceof Error ? error.message : error}`
          context.events.event(pod, 'Warning', 'FailedBinding', `ephemeral volume ${volume.name}: ${text}`)
          throw error
        }
      }
      return undefined
    },
  })
}

/** Pods on a real runtime, and what tests ask about them. */
import { Events } from '@canopus/api'
import type { Pod, PodSpec } from '@canopus/api/core/v1'
import type { Cri } from '@canopus/cri'
import { BUSYBOX_IMAGE } from '@canopus/cri/testing'
import { busybox, type Harness } from './harness.ts'

/** A script for a container that stays until it is told to end. */
export const FOREVER = 'trap "exit 0" TERM; while :; do sleep 0.05; done'
export const running = (pod: Pod | undefined): boolean => pod?.status?.phase === 'Running'
export const ended = (pod: Pod | undefined): boolean => ['Succeeded', 'Failed'].includes(pod?.status?.phase ?? '')
/** The status of a pod's first container. */
export const main = (pod: Pod | undefined) => pod?.status?.containerStatuses?.[0]

/** Runs a script once and returns what it wrote to its termination message. */
export async function say(
  harness: Harness,
  name: string,
  script: string,
  spec: Partial<PodSpec> = {},
  more = {},
): Promise<string> {
  harness.run(name, {
    restartPolicy: 'Never',
    containers: [busybox(BUSYBOX_IMAGE, `(${script}) > /dev/termination-log 2>&1`, more)],
    ...spec,
  })
  const pod = await harness.until(name, ended)
  return main(pod)?.state?.terminated?.message ?? ''
}

/** Runs a command in a pod's first container and returns what it printed. */
export async function exec(harness: Harness, cri: Cri, name: string, cmd: string[]): Promise<string> {
  const id = main(harness.pod(name))!.containerID!.replace('containerd://', '')
  const result = await cri.execSync({ containerId: id, cmd, timeout: 10 })
  return Buffer.concat([result.stdout, result.stderr]).toString()
}

export async function untilEvent(
  harness: Harness,
  name: string,
  reason: string,
  message: string | RegExp,
): Promise<void> {
  const found = (): boolean =>
    harness.server
      .list(Events)
      .some(
        event =>
          event.involvedObject.name === name && event.reason === reason && event.message!.match(message) !== null,
      )
  await harness.until(name, found)
}

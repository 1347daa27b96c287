import type { ServerResponse } from 'node:http'
import type { Pod } from '@canopus/api/core/v1'
import { type LogOptions, readLog } from '../logs/read-log.ts'
import type { Services } from '../services.ts'
import { HttpError } from './http-error.ts'

/** Serves `/containerLogs/<namespace>/<pod>/<container>` (upstream pkg/kubelet/kubelet_pods.go, GetKubeletContainerLogs). */
export async function serveContainerLogs(
  services: Services,
  pod: Pod,
  container: string,
  query: URLSearchParams,
  response: ServerResponse,
): Promise<void> {
  const options = logOptions(query, services.clock.now())
  const record = findRecord(services, pod, container, query.get('previous') === 'true')
  const { uid } = pod.metadata
  const source = {
    path: record.logPath,
    isRunning: () =>
      services.view.get(uid)?.containers.some(each => each.id === record.id && each.state === 'running') ?? false,
  }
  const gone = new AbortController()
  response.on('close', () => gone.abort())
  response.writeHead(200, { 'content-type': 'text/plain', 'transfer-encoding': 'chunked' })
  if (options.follow) response.flushHeaders()
  for await (const piece of readLog(source, options, services.clock, gone.signal)) {
    if (gone.signal.aborted) return
    if (!response.write(piece)) await new Promise(resolve => response.once('drain', resolve).once('close', resolve))
  }
  response.end()
}

function findRecord(services: Services, pod: Pod, container: string, previous: boolean) {
  const { name, uid } = pod.metadata
  const spec = [...pod.spec.containers, ...(pod.spec.initContainers ?? []), ...(pod.spec.ephemeralContainers ?? [])]
  if (!spec.some(each => each.name === container))
    throw new HttpError(404, `container ${JSON.stringify(container)} not found in pod ${JSON.stringify(name)}`)
  const records = services.view.get(uid)?.containers.filter(each => each.name === container) ?? []
  if (previous) {
    const before = records.filter(each => each !== records.find(one => one.state === 'running'))[
      records[0]?.state === 'running' ? 0 : 1
    ]
    if (before === undefined)
      throw new HttpError(
        400,
        `previous terminated container ${JSON.stringify(container)} in pod ${JSON.stringify(name)} not found`,
      )
    return before
  }
  const record = records.find(each => each.state !== 'created') ?? records[0]
  if (record !== undefined && record.state !== 'created') return record
  const statuses = services.statuses.wanted(uid) ?? pod.status
  const status = [...(statuses?.containerStatuses ?? []), ...(statuses?.initContainerStatuses ?? [])].find(
    each => each.name === container,
  )
  const reason = status?.state?.waiting?.reason
  throw new HttpError(
    400,
    reason === 'ErrImagePull' || reason === 'ImagePullBackOff'
      ? `container ${JSON.stringify(container)} in pod ${JSON.stringify(name)} is waiting to start: trying and failing to pull image`
      : `container ${JSON.stringify(container)} in pod ${JSON.stringify(name)} is waiting to start: ${reason ?? 'ContainerCreating'}`,
  )
}

function logOptions(query: URLSearchParams, now: number): LogOptions {
  const number = (name: string): number | undefined => {
    const text = query.get(name)
    if (text === null || text === '') return undefined
    const value = Number(text)
    if (!Number.isInteger(value) || value < 0) throw new HttpError(422, `invalid ${name}: ${JSON.stringify(text)}`)
    return value
  }
  const tailLines = number('tailLines')
  const limitBytes = number('limitBytes')
  const sinceSeconds = number('sinceSeconds')
  const sinceTime = query.get('sinceTime')
  const since = sinceSeconds !== undefined ? now - sinceSeconds * 1000 : sinceTime ? Date.parse(sinceTime) : undefined
  const stream = query.get('stream')?.toLowerCase()
  return {
    follow: query.get('follow') === 'true',
    timestamps: query.get('timestamps') === 'true',
    ...(tailLines !== undefined && { tailLines }),
    ...(limitBytes !== undefined && { limitBytes }),
    ...(since !== undefined && !Number.isNaN(since) && { since }),
    ...((stream === 'stdout' || stream === 'stderr') && { stream }),
  }
}

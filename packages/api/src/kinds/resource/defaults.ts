/** Defaults of device requests (pkg/apis/resource/v1/defaults.go). */
import type {
  DeviceSubRequest,
  DeviceToleration,
  ExactDeviceRequest,
  ResourceClaimSpec,
} from '../../generated/resource.v1.ts'

export function defaultClaimSpec(spec: ResourceClaimSpec | undefined): void {
  for (const request of spec?.devices?.requests ?? []) {
    if (request.exactly) defaultRequest(request.exactly)
    for (const alternative of request.firstAvailable ?? []) defaultRequest(alternative)
  }
}

function defaultRequest(request: ExactDeviceRequest | DeviceSubRequest): void {
  request.allocationMode ||= 'ExactCount'
  if (request.allocationMode === 'ExactCount') request.count ||= 1
  defaultTolerations(request.tolerations ?? [])
}

export function defaultTolerations(tolerations: readonly DeviceToleration[]): void {
  for (const toleration of tolerations) toleration.operator ||= 'Equal'
}

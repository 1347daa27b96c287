/** Whether signers keep to the lifetime that was asked for (kubernetes pkg/registry/certificates/certificates/storage/metrics.go). */
import { X509Certificate } from 'node:crypto'
import type { CertificateSigningRequest } from '@canopus/api/certificates/v1'
import type { KubeObject } from '@canopus/apimachinery'
import type { MetricsRegistry } from '@canopus/base'

/** Certificates may begin so long before they are issued, in seconds. */
const BACKDATED = 300

/** Hears of every change of a request that was written. */
export type CsrWatcher = (object: KubeObject | undefined, old: KubeObject) => void

export function csrMetrics(registry: MetricsRegistry): CsrWatcher {
  const counter = (name: string, help: string) =>
    registry.counter(
      `apiserver_certificates_registry_csr_${name}_duration_total`,
      `[ALPHA] Total number of issued CSRs with a requested duration${help}, sliced by signer (only kubernetes.io signer names are specifically identified)`,
      ['signerName'],
    )
  const requested = counter('requested', '')
  const honored = counter('honored', ' that was honored')
  return (object, old) => {
    const { spec, status: before } = old as CertificateSigningRequest
    const certificate = (object as CertificateSigningRequest | undefined)?.status?.certificate
    if (!certificate || before?.certificate || spec.expirationSeconds === undefined) return
    const signer = spec.signerName.startsWith('kubernetes.io/') ? spec.signerName : 'other'
    requested.with(signer).add()
    const lifetime = lifetimeOf(certificate)
    if (lifetime !== undefined && isHonored(spec.expirationSeconds, lifetime)) honored.with(signer).add()
  }
}

/** Of the first certificate, in seconds; undefined where there is none that can be read. */
function lifetimeOf(base64: string): number | undefined {
  try {
    const { validFrom, validTo } = new X509Certificate(Buffer.from(base64, 'base64'))
    return (Date.parse(validTo) - Date.parse(validFrom)) / 1000
  } catch {
    return undefined
  }
}

/** Whether a lifetime is the one asked for, give or take 5 % and what it is dated back; both in seconds. */
export const isHonored = (wanted: number, lifetime: number): boolean =>
  Math.abs(wanted - lifetime) < BACKDATED + wanted / 20

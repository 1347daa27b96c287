import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import type { CertificateSigningRequest } from '@canopus/api/certificates/v1'
import { MetricsRegistry, SimulatedClock } from '@canopus/base'
import { createAuthority } from '@canopus/platform'
import { csrMetrics } from './csr-metrics.ts'

const DAY = 24 * 3600
const SIGNER = 'kubernetes.io/kube-apiserver-client'

/** Of a certificate that lives a day. */
let issued: string
before(async () => {
  const { certificate } = await createAuthority({ commonName: 'c', clock: new SimulatedClock(), validity: DAY * 1000 })
  issued = Buffer.from(certificate).toString('base64')
})

interface Case {
  expirationSeconds?: number
  signerName?: string
  certificate?: string
  before?: string
}

function counted({ expirationSeconds, signerName = SIGNER, ...status }: Case): string[] {
  const registry = new MetricsRegistry()
  const spec = { signerName, ...(expirationSeconds === undefined ? {} : { expirationSeconds }) }
  const request = (certificate: string | undefined): CertificateSigningRequest =>
    ({ metadata: {}, spec, status: certificate === undefined ? {} : { certificate } }) as CertificateSigningRequest
  const { certificate = issued } = status
  csrMetrics(registry)(request(certificate), request(status.before))
  const lines = registry.text().split('\n')
  return lines.flatMap(line => /_csr_(\w+)_duration_total\{signerName="(.*)"\} 1$/.exec(line)?.slice(1).join(' ') ?? [])
}

describe('lifetimes of certificates that were asked for', () => {
  const cases: readonly [string, Case, string[]][] = [
    ['as asked', { expirationSeconds: DAY }, [`requested ${SIGNER}`, `honored ${SIGNER}`]],
    ['a little less', { expirationSeconds: DAY * 0.97 }, [`requested ${SIGNER}`, `honored ${SIGNER}`]],
    ['much longer', { expirationSeconds: DAY / 2 }, [`requested ${SIGNER}`]],
    ['of another signer', { expirationSeconds: 2 * DAY, signerName: 'example.com/x' }, ['requested other']],
    ['that cannot be read', { expirationSeconds: DAY, certificate: 'eA==' }, [`requested ${SIGNER}`]],
    ['not asked for', {}, []],
    ['not issued', { expirationSeconds: DAY, certificate: '' }, []],
    ['issued before', { expirationSeconds: DAY, before: 'eA==' }, []],
  ]
  for (const [name, request, expected] of cases) {
    it(name, () => assert.deepEqual(counted(request).sort(), [...expected].sort()))
  }
})

import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { CertificateSigningRequests } from '@canopus/api'
import type { CertificateSigningRequest } from '@canopus/api/certificates/v1'
import { SeededRandom, SimulatedClock, silentLogger } from '@canopus/base'
import { createClient } from '@canopus/client'
import { createFakeServer, type FakeServer } from '@canopus/client/testing'
import {
  type CertifiedKey,
  createAuthority,
  parseCertificateRequest,
  signCertificateRequest,
  systemClock,
} from '@canopus/platform'
import { CertificateKeeper } from './certificate-keeper.ts'
import { CertificateError, requestCertificate } from './request-certificate.ts'

const directory = mkdtempSync(join(tmpdir(), 'keeper-'))
after(() => rmSync(directory, { recursive: true }))
const HOUR = 3_600_000

/** Answers what is asked next, as a signer would. */
async function signNext(
  server: FakeServer,
  authority: CertifiedKey,
  clock: { now(): number },
): Promise<CertificateSigningRequest> {
  for (;;) {
    const open = server.list(CertificateSigningRequests).find(each => each.status?.certificate === undefined)
    if (open === undefined) {
      await new Promise(setImmediate)
      continue
    }
    const request = await parseCertificateRequest(Buffer.from(open.spec.request, 'base64').toString())
    const certificate = signCertificateRequest(authority, request, {
      usages: open.spec.usages ?? [],
      validity: 24 * HOUR,
      clock: { ...systemClock, now: () => clock.now() },
    })
    server.change(CertificateSigningRequests, open.metadata.name, undefined, each => {
      each.status = { certificate: Buffer.from(certificate).toString('base64') }
    })
    return open
  }
}

test('the first certificate comes by the bootstrap client, is kept, and is renewed with itself', async () => {
  const clock = new SimulatedClock({ start: Date.parse('2026-01-01T00:00:00Z') })
  const authority = await createAuthority({ commonName: 'test', clock })
  const server = createFakeServer({ clock })
  const client = createClient(server)
  const asked: (CertifiedKey | undefined)[] = []
  const options = {
    file: join(directory, 'current.pem'),
    wish: { nodeName: 'n1', signerName: 'kubernetes.io/kube-apiserver-client-kubelet' as const },
    clientFor: (present: CertifiedKey | undefined) => {
      asked.push(present)
      return client
    },
    clock,
    random: new SeededRandom(1),
    logger: silentLogger,
  }
  const stop = new AbortController()
  const advance = async <T>(until: Promise<T>): Promise<T> => {
    let done = false
    const ended = until.finally(() => {
      done = true
    })
    while (!done) {
      await new Promise(setImmediate)
      await clock.advance(250)
    }
    return ended
  }
  const keeper = new CertificateKeeper(options)
  const [first, csr] = await advance(Promise.all([keeper.get(stop.signal), signNext(server, authority, clock)]))
  assert.equal(csr.spec.signerName, 'kubernetes.io/kube-apiserver-client-kubelet')
  assert.deepEqual(csr.spec.usages, ['digital signature', 'client auth'])
  assert.equal(asked.length, 1)
  assert.equal(asked[0], undefined)
  assert.equal(statSync(options.file).mode & 0o777, 0o600)
  assert.ok(readFileSync(options.file, 'utf8').includes(first.key))

  const again = new CertificateKeeper(options)
  assert.deepEqual(await again.get(stop.signal), first)
  const given = new CertificateKeeper({ ...options, file: join(directory, 'other.pem'), first })
  assert.deepEqual(await given.get(stop.signal), first)
  assert.equal(asked.length, 1)
  const renewed = new Promise<CertifiedKey>(resolve => {
    void again.run(resolve, stop.signal)
  })
  await new Promise(setImmediate)
  await clock.advance(22 * HOUR)
  const [second] = await advance(Promise.all([renewed, signNext(server, authority, clock)]))
  assert.notEqual(second.key, first.key)
  assert.equal(asked[1]?.key, first.key)
  stop.abort()
})

test('a denied request is an error that says why', async () => {
  const server = createFakeServer({ clock: systemClock })
  const wish = { nodeName: 'n1', signerName: 'kubernetes.io/kubelet-serving' as const, hosts: ['n1', '10.0.0.1'] }
  const asking = requestCertificate(createClient(server), systemClock, wish, new AbortController().signal)
  const deny = async (): Promise<void> => {
    let open: CertificateSigningRequest | undefined
    while (open === undefined) {
      await new Promise(setImmediate)
      open = server.list(CertificateSigningRequests)[0]
    }
    server.change(CertificateSigningRequests, open.metadata.name, undefined, each => {
      each.status = { conditions: [{ type: 'Denied', status: 'True', reason: 'No', message: 'not you' }] }
    })
  }
  await Promise.all([
    assert.rejects(
      asking,
      (error: Error) => error instanceof CertificateError && /denied: No not you/.test(error.message),
    ),
    deny(),
  ])
})

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, it } from 'node:test'
import type { TLSSocket } from 'node:tls'
import { SimulatedClock } from '@canopus/base'
import { createClusterPki, issueClientCertificate, systemClock } from '@canopus/platform'
import { followKubeconfig } from './followed-kubeconfig.ts'
import { mergeKubeconfig } from './kubeconfig.ts'

const directory = mkdtempSync(join(tmpdir(), 'followed-'))
after(() => rmSync(directory, { recursive: true }))

it('goes on with the certificate that the file has later, and answers what is under way', async () => {
  const pki = await createClusterPki({ clusterName: 'test', clock: systemClock })
  const held: (() => void)[] = []
  const server = createServer(
    { key: pki.apiserver.key, cert: pki.apiserver.certificate, ca: pki.ca.certificate, requestCert: true },
    (request, response) => {
      const name = String((request.socket as TLSSocket).getPeerCertificate().subject.CN)
      if (request.url === '/held') held.push(() => response.end(name))
      else response.end(name)
    },
  )
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  const path = join(directory, 'config')
  const enter = async (commonName: string): Promise<void> => {
    const pair = await issueClientCertificate(pki.ca, { commonName, clock: systemClock })
    mergeKubeconfig(path, {
      name: 'test',
      server: `https://127.0.0.1:${port}`,
      ca: pki.ca.certificate,
      cert: pair.certificate,
      key: pair.key,
      makeCurrent: true,
    })
  }
  await enter('first')
  const clock = new SimulatedClock({ start: 0 })
  const transport = followKubeconfig(path, clock)
  const asWhom = async (url = '/'): Promise<string> => {
    const response = await transport.send({ method: 'GET', path: url })
    return new TextDecoder().decode(await response.bytes())
  }
  try {
    assert.equal(await asWhom(), 'first')
    const underWay = asWhom('/held')
    while (held.length === 0) await new Promise(setImmediate)
    await enter('second')
    assert.equal(await asWhom(), 'first', 'the file is not read for every request')
    await clock.advance(60_000)
    assert.equal(await asWhom(), 'second')
    held[0]!()
    assert.equal(await underWay, 'first')
    for (const broken of ['', ']]', 'current-context: nowhere\n']) {
      writeFileSync(path, broken)
      await clock.advance(60_000)
      assert.equal(await asWhom(), 'second', JSON.stringify(broken))
    }
    const other = await issueClientCertificate(pki.ca, { commonName: 'third', clock: systemClock })
    mergeKubeconfig(path, {
      name: 'test',
      server: `https://127.0.0.1:${port}`,
      ca: pki.ca.certificate,
      cert: other.certificate,
      key: pki.ca.key,
      makeCurrent: true,
    })
    await clock.advance(60_000)
    assert.equal(await asWhom(), 'second', 'a key that is not the certificate’s')
    await enter('third')
    await clock.advance(60_000)
    assert.equal(await asWhom(), 'third')
  } finally {
    transport.close()
    server.close()
    server.closeAllConnections()
  }
})

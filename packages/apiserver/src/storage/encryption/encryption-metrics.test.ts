import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { it } from 'node:test'
import { builtInKinds } from '@canopus/api'
import { MetricsRegistry, silentLogger } from '@canopus/base'
import { systemClock, systemRandom } from '@canopus/platform'
import { createMemoryStore } from '@canopus/store'
import { startKmsPlugin } from '../../testing/kms-plugin.ts'
import { startMemoryServer } from '../../testing/memory-server.ts'
import { EncryptedStore } from './encrypted-store.ts'
import { Encryption } from './encryption.ts'

const hash = (text: string): string => `sha256:${createHash('sha256').update(text).digest('hex')}`
const SECRETS = '/api/v1/namespaces/default/secrets'

it('figures of encryption: values, keys, calls of the plugin, reloads', async () => {
  const plugin = await startKmsPlugin()
  const kms = { apiVersion: 'v2', name: 'vault', endpoint: plugin.endpoint, timeout: '2s' }
  const head = { apiVersion: 'apiserver.config.k8s.io/v1', kind: 'EncryptionConfiguration' }
  const file = { text: JSON.stringify({ ...head, resources: [{ resources: ['secrets'], providers: [{ kms }] }] }) }
  const metrics = new MetricsRegistry()
  const inner = createMemoryStore({ clock: systemClock })
  const load = (registry: MetricsRegistry): Promise<Encryption> =>
    Encryption.load({
      readFile: () => file.text,
      reload: true,
      clock: systemClock,
      random: systemRandom,
      logger: silentLogger,
      metrics: registry,
      serverId: 'me',
    })
  const encryption = await load(metrics)
  const server = await startMemoryServer({ store: new EncryptedStore(inner, encryption, builtInKinds) })
  try {
    const { status } = await server.send('POST', SECRETS, { metadata: { name: 'one' }, data: { a: 'eA==' } })
    assert.equal(status, 201)
    await server.store.get('/registry/secrets/default/one')
    await inner.create('/registry/secrets/default/plain', () => Buffer.from('plain'))
    await server.store.get('/registry/secrets/default/plain')
    file.text = 'nonsense'
    assert.equal(await encryption.reload(), false)
  } finally {
    await server.stop()
    const stopped = new AbortController()
    stopped.abort()
    await encryption.run(stopped.signal)
  }
  // Another server finds what this one has written, and asks for its key.
  file.text = JSON.stringify({ ...head, resources: [{ resources: ['secrets'], providers: [{ kms }] }] })
  const others = new MetricsRegistry()
  const other = await load(others)
  const again = new EncryptedStore(inner, other, builtInKinds)
  const read = await again.get('/registry/secrets/default/one')
  assert.match(Buffer.from(read!.value).toString('latin1'), /Secret/)
  assert.equal(read!.unreadable, undefined)
  const stopped = new AbortController()
  stopped.abort()
  await other.run(stopped.signal)
  await plugin.stop()

  const prefix = 'k8s:enc:kms:v2:vault:'
  const key = `apiserver_id_hash="${hash('me')}",key_id_hash="${hash('key-1')}",provider_name="vault"`
  const text = metrics.text()
  const operations = 'apiserver_storage_transformation_operations_total'
  const expected = [
    `${operations}{resource="secrets",status="OK",transformation_type="to_storage",transformer_prefix="${prefix}"} 1`,
    `apiserver_storage_transformation_duration_seconds_count{transformation_type="to_storage",transformer_prefix="${prefix}"} 1`,
    `apiserver_envelope_encryption_key_id_hash_total{${key},transformation_type="to_storage"} 1`,
    'apiserver_envelope_encryption_kms_operations_latency_seconds_count{grpc_status_code="OK",method_name="/v2.KeyManagementService/Encrypt",provider_name="vault"} 1',
    'apiserver_storage_data_key_generation_duration_seconds_count 1',
    'apiserver_storage_envelope_transformation_cache_misses_total 0',
    'apiserver_envelope_encryption_dek_source_cache_size{provider_name="vault"} 1',
    `apiserver_encryption_config_controller_last_config_info{apiserver_id_hash="${hash('me')}",hash="${hash(file.text)}"} 1`,
    `apiserver_encryption_config_controller_automatic_reloads_total{apiserver_id_hash="${hash('me')}",status="failure"} 1`,
  ]
  for (const line of expected) assert.ok(text.includes(`\n${line}\n`), `${line}\n${text}`)
  const unknown = `${operations}\\{resource="secrets",status="unknown-non-grpc",transformation_type="from_storage",transformer_prefix="unknown"\\} [1-9]`
  assert.match(text, new RegExp(unknown))
  assert.match(text, new RegExp(`key_id_hash_status_last_timestamp_seconds\\{${key}\\} 1\\.[0-9]+e\\+09`))
  assert.match(others.text(), /\napiserver_storage_envelope_transformation_cache_misses_total 1\n/)
  assert.match(others.text(), /\napiserver_envelope_encryption_dek_source_cache_size\{provider_name="vault"\} 1\n/)
})

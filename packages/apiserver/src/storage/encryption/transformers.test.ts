import assert from 'node:assert/strict'
import { createCipheriv, createDecipheriv, createHmac, hkdfSync } from 'node:crypto'
import { describe, test } from 'node:test'
import { aesCbc, aesGcm, aesGcmOfSeed, expand } from './aes.ts'
import { secretbox } from './secretbox.ts'
import { identity, PrefixTransformers, type Read, type Transformer } from './transformer.ts'

const PATH = '/registry/secrets/default/one'
const key = (length: number): Buffer => Buffer.from(Array.from({ length }, (_, index) => (index * 7 + 1) % 256))
const text = ({ data }: Read): string => Buffer.from(data).toString()
const read = (transformer: Transformer, stored: Uint8Array, path = PATH): Read =>
  transformer.fromStorage(stored, path) as Read

describe('round trips', () => {
  const all: [string, Transformer][] = [
    ['aescbc 128', aesCbc(key(16))],
    ['aescbc 192', aesCbc(key(24))],
    ['aescbc 256', aesCbc(key(32))],
    ['aesgcm 128', aesGcm(key(16))],
    ['aesgcm 256', aesGcm(key(32))],
    ['secretbox', secretbox(key(32))],
    ['derived keys', aesGcmOfSeed(key(32))],
  ]
  for (const [name, transformer] of all) {
    test(`of ${name}, whatever the length`, () => {
      for (const length of [0, 1, 15, 16, 17, 1000]) {
        const data = key(length)
        const stored = transformer.toStorage(data, PATH)
        assert.deepEqual(Buffer.from(read(transformer, stored).data), data)
        assert.notDeepEqual(transformer.toStorage(data, PATH), stored, 'no two are alike')
      }
    })

    test(`${name} refuses what is too short or cut off`, () => {
      const stored = transformer.toStorage(Buffer.from('some text'), PATH)
      assert.throws(() => read(transformer, stored.subarray(0, 5)), /shorter than the required size/)
      assert.throws(() => read(transformer, stored.subarray(0, -1)))
    })
  }
})

describe('layouts', () => {
  test('aescbc: the initial vector, then blocks with PKCS#7 padding', () => {
    const stored = aesCbc(key(32)).toStorage(Buffer.from('seventeen letters'), PATH)
    assert.equal(stored.byteLength, 16 + 32)
    const decipher = createDecipheriv('aes-256-cbc', key(32), stored.subarray(0, 16)).setAutoPadding(false)
    const plain = Buffer.concat([decipher.update(stored.subarray(16)), decipher.final()])
    assert.equal(plain.toString('latin1'), `seventeen letters${'\x0f'.repeat(15)}`)
  })

  test('aescbc refuses wrong padding', () => {
    const cipher = createCipheriv('aes-256-cbc', key(32), key(16)).setAutoPadding(false)
    const stored = Buffer.concat([key(16), cipher.update(Buffer.alloc(16)), cipher.final()])
    assert.throws(() => read(aesCbc(key(32)), stored), /invalid padding on input/)
  })

  test('aesgcm: nonce of 12 bytes, ciphertext, tag; bound to the path', () => {
    const nonce = key(12)
    const cipher = createCipheriv('aes-256-gcm', key(32), nonce).setAAD(Buffer.from(PATH))
    const stored = Buffer.concat([nonce, cipher.update('text'), cipher.final(), cipher.getAuthTag()])
    assert.equal(text(read(aesGcm(key(32)), stored)), 'text')
    assert.throws(() => read(aesGcm(key(32)), stored, '/registry/secrets/default/two'), /message authentication failed/)
    assert.throws(() => read(aesGcm(key(16)), stored), /message authentication failed/)
  })

  test('derived keys: 32 bytes for HKDF-Expand, then as aesgcm', () => {
    // With a seed that is what Extract would have made of a secret, Expand alone is the library's whole derivation.
    const secret = key(32)
    const prk = createHmac('sha256', Buffer.alloc(32)).update(secret).digest()
    const info = key(32)
    assert.deepEqual(expand(prk, info), Buffer.from(hkdfSync('sha256', secret, Buffer.alloc(32), info, 32)))
    const nonce = key(12)
    const cipher = createCipheriv('aes-256-gcm', expand(prk, info), nonce).setAAD(Buffer.from(PATH))
    const stored = Buffer.concat([info, nonce, cipher.update('text'), cipher.final(), cipher.getAuthTag()])
    assert.equal(text(read(aesGcmOfSeed(prk), stored)), 'text')
  })

  test('secretbox: nonce of 24 bytes, tag, ciphertext, as in the test of the NaCl paper', () => {
    const hex = (...parts: string[]): Buffer => Buffer.from(parts.join(''), 'hex')
    const secret = hex('1b27556473e985d462cd51197a9a46c76009549eac6474f206c4ee0844f68389')
    const nonce = hex('69696ee955b62b73cd62bda875fc73d68219e0036b7a0b37')
    const tag = hex('f3ffc7703f9400e52a7dfb4b3d3305d9')
    const ciphertext = hex(
      '8e993b9f48681273c29650ba32fc76ce48332ea7164d96a4476fb8c531a1186ac0dfc17c98dce87b4da7f011ec48c972',
      '71d2c20f9b928fe2270d6fb863d51738b48eeee314a7cc8ab932164548e526ae90224368517acfeabd6bb3732bc0e9da',
      '99832b61ca01b6de56244a9e88d5f9b37973f622a43d14a6599b1f654cb45a74e355a5',
    )
    const message = hex(
      'be075fc53c81f2d5cf141316ebeb0c7b5228c52a4c62cbd44b66849b64244ffce5ecbaaf33bd751a1ac728d45e6c6129',
      '6cdc3c01233561f41db66cce314adb310e3be8250c46f06dceea3a7fa1348057e2f6556ad6b1318a024a838f21af1fde',
      '048977eb48f59ffd4924ca1c60902e52f0a089bc76897040e082f937763848645e0705',
    )
    const stored = Buffer.concat([nonce, tag, ciphertext])
    assert.deepEqual(Buffer.from(read(secretbox(secret), stored).data), message)
  })
})

describe('prefixes', () => {
  const first = { prefix: 'first:', transformer: aesGcm(key(16)) }
  const second = { prefix: 'second:', transformer: aesGcm(key(32)) }
  const both = new PrefixTransformers([first, second], 'none')

  test('the first writes, all read, and what is not the first’s is stale', () => {
    const own = both.toStorage(Buffer.from('a'), PATH)
    assert.equal(Buffer.from(own).toString('latin1').slice(0, 6), 'first:')
    assert.deepEqual([text(read(both, own)), read(both, own).stale], ['a', false])
    const other = new PrefixTransformers([second], 'none').toStorage(Buffer.from('b'), PATH)
    assert.deepEqual([text(read(both, other)), read(both, other).stale], ['b', true])
  })

  test('nobody’s bytes are refused', () => {
    assert.throws(() => both.fromStorage(Buffer.from('{}'), PATH), /^Error: none$/)
  })

  test('one prefix with two keys: the second is tried where the first fails', () => {
    const rotated = new PrefixTransformers(
      [
        { ...second, prefix: 'x:' },
        { ...first, prefix: 'x:' },
      ],
      'none',
    )
    const old = new PrefixTransformers([{ ...first, prefix: 'x:' }], 'none').toStorage(Buffer.from('a'), PATH)
    assert.deepEqual([text(read(rotated, old)), read(rotated, old).stale], ['a', true])
  })

  test('plain bytes are not taken for encrypted ones, nor the other way round', () => {
    const migrating = new PrefixTransformers([{ prefix: '', transformer: identity }, first], 'none')
    assert.equal(text(read(migrating, Buffer.from('{}'))), '{}')
    assert.throws(() => identity.fromStorage(Buffer.from('k8s:enc:aescbc:v1:x'), PATH), /tried to read encrypted data/)
    const decrypting = new PrefixTransformers(
      [
        { prefix: '', transformer: identity },
        { prefix: 'k8s:enc:', transformer: aesGcm(key(16)) },
      ],
      'none',
    )
    const stored = Buffer.concat([Buffer.from('k8s:enc:'), aesGcm(key(16)).toStorage(Buffer.from('a'), PATH)])
    assert.deepEqual([text(read(decrypting, stored)), read(decrypting, stored).stale], ['a', true])
  })
})

/** Certificate signing requests as Go's crypto/x509 reads them: what it says of those that it does not take. */
import { constants, createPublicKey, type KeyObject, verify } from 'node:crypto'
import { DerReader, type Expected } from '@canopus/platform'

type KeyType = 'RSA' | 'ECDSA' | 'Ed25519'

interface Algorithm {
  readonly identifier: string
  /** With its tag; empty where there are none. */
  readonly parameters: Buffer
}

interface Request {
  readonly signed: Buffer
  readonly algorithm: Algorithm
  readonly signature: Buffer
  readonly key: { readonly type: KeyType | undefined; readonly object: KeyObject | undefined }
}

const KEYS: Readonly<Record<string, KeyType>> = {
  '2a864886f70d010101': 'RSA',
  '2a8648ce3d0201': 'ECDSA',
  '2b6570': 'Ed25519',
}

/** By identifier of the algorithm; no hash where the key decides. */
const SIGNATURES: Readonly<Record<string, { readonly key: KeyType; readonly hash?: string }>> = {
  '2a864886f70d010104': { key: 'RSA', hash: 'md5' },
  '2a864886f70d010105': { key: 'RSA', hash: 'sha1' },
  '2b0e03021d': { key: 'RSA', hash: 'sha1' },
  '2a864886f70d01010b': { key: 'RSA', hash: 'sha256' },
  '2a864886f70d01010c': { key: 'RSA', hash: 'sha384' },
  '2a864886f70d01010d': { key: 'RSA', hash: 'sha512' },
  '2a8648ce3d0401': { key: 'ECDSA', hash: 'sha1' },
  '2a8648ce3d040302': { key: 'ECDSA', hash: 'sha256' },
  '2a8648ce3d040303': { key: 'ECDSA', hash: 'sha384' },
  '2a8648ce3d040304': { key: 'ECDSA', hash: 'sha512' },
  '2b6570': { key: 'Ed25519' },
}
const RSA_PSS = '2a864886f70d01010a'
/** Hashes of RSASSA-PSS, and the length of salt that goes with each. */
const PSS_HASHES = [
  ['608648016503040201', 'sha256', 32],
  ['608648016503040202', 'sha384', 48],
  ['608648016503040203', 'sha512', 64],
] as const

/** Named curves: what Go calls them, and the bytes of a coordinate. */
const CURVES: Readonly<Record<string, { readonly name: string; readonly size: number }>> = {
  '2b81040021': { name: 'P224', size: 28 },
  '2a8648ce3d030107': { name: 'P256', size: 32 },
  '2b81040022': { name: 'P384', size: 48 },
  '2b81040023': { name: 'P521', size: 66 },
}

const UNSUPPORTED = 'x509: cannot verify signature: algorithm unimplemented'
const NULL = Buffer.from([5, 0])
const SET: Expected = { tag: 17, isCompound: true, type: 'RelativeDistinguishedNameSET' }
const ATTRIBUTE: Expected = { tag: 16, isCompound: true, type: 'AttributeTypeAndValue' }

/** Why a request (DER) cannot be used; undefined where it can. */
export function requestProblem(der: Buffer): string | undefined {
  try {
    return signatureProblem(readRequest(der))
  } catch (error) {
    return (error as Error).message
  }
}

function readRequest(der: Buffer): Request {
  const all = new DerReader(der)
  const request = all.sequence('certificateRequest')
  const signed = request.read({ tag: 16, isCompound: true, type: 'tbsCertificateRequest' })
  const info = new DerReader(signed.content)
  info.integer()
  const subject = info.any()
  const keyInfo = info.read({ tag: 16, isCompound: true, type: 'publicKeyInfo' })
  const keyReader = new DerReader(keyInfo.content)
  const keyAlgorithm = readAlgorithm(keyReader)
  const keyBits = keyReader.bits()
  new DerReader(info.any().content).rest()
  const algorithm = readAlgorithm(request)
  const signature = request.bits()
  if (!all.isAtEnd) throw new Error('asn1: syntax error: trailing data')
  const type = KEYS[keyAlgorithm.identifier]
  const object = type === undefined ? undefined : publicKey(type, keyAlgorithm, keyBits, keyInfo.whole)
  checkSubject(subject.whole)
  return { signed: signed.whole, algorithm, signature, key: { type, object } }
}

function readAlgorithm(reader: DerReader): Algorithm {
  const parts = reader.sequence('AlgorithmIdentifier')
  const identifier = parts.objectIdentifier()
  return { identifier, parameters: parts.isAtEnd ? Buffer.alloc(0) : parts.any().whole }
}

/** Throws an Error with what parsePublicKey says. */
function publicKey(type: KeyType, { parameters }: Algorithm, bits: Buffer, whole: Buffer): KeyObject {
  if (type === 'RSA' && !parameters.equals(NULL)) throw new Error('x509: RSA key missing NULL parameters')
  if (type === 'Ed25519') {
    if (parameters.length > 0) throw new Error('x509: Ed25519 key encoded with illegal parameters')
    if (bits.length !== 32) throw new Error('x509: wrong Ed25519 public key size')
  }
  const curve = type === 'ECDSA' ? curveOf(parameters) : undefined
  if (curve !== undefined && (bits[0] !== 4 || bits.length !== 2 * curve.size + 1)) {
    throw new Error('ecdsa: invalid uncompressed public key')
  }
  try {
    return createPublicKey({ key: whole, format: 'der', type: 'spki' })
  } catch {
    throw new Error(curve === undefined ? `x509: invalid ${type} public key` : `${curve.name} point not on curve`)
  }
}

function curveOf(parameters: Buffer): { name: string; size: number } {
  let identifier: string
  try {
    identifier = new DerReader(parameters).objectIdentifier()
  } catch {
    throw new Error('x509: invalid ECDSA parameters')
  }
  const curve = CURVES[identifier]
  if (curve === undefined) throw new Error('x509: unsupported elliptic curve')
  return curve
}

/** Throws an Error where the subject is no name. */
function checkSubject(whole: Buffer): void {
  const name = new DerReader(whole)
  for (const set of name.sequence('RDNSequence').rest(SET)) {
    for (const { content } of new DerReader(set.content).rest(ATTRIBUTE)) {
      const attribute = new DerReader(content)
      attribute.objectIdentifier()
      checkText(attribute.any())
    }
  }
}

const NUMERIC = /^[0-9 ]*$/
const PRINTABLE = /^[A-Za-z0-9 '()+,\-./:=?*&]*$/

function checkText({ tag, content }: ReturnType<DerReader['any']>): void {
  if (tag.class !== 0 || tag.isCompound) return
  const text = content.toString('latin1')
  const bad = (kind: string): Error => new Error(`asn1: syntax error: ${kind} contains invalid character`)
  if (tag.tag === 18 && !NUMERIC.test(text)) throw bad('NumericString')
  if (tag.tag === 19 && !PRINTABLE.test(text)) throw bad('PrintableString')
  if (tag.tag === 22 && content.some(each => each > 0x7f)) throw bad('IA5String')
  if (tag.tag === 12 && !Buffer.from(content.toString()).equals(content)) throw new Error('asn1: invalid UTF-8 string')
}

/** checkSignature of crypto/x509. */
function signatureProblem({ signed, algorithm, signature, key }: Request): string | undefined {
  const { identifier, parameters } = algorithm
  const salted = identifier === RSA_PSS ? saltedHash(parameters) : undefined
  const known = salted === undefined ? SIGNATURES[identifier] : { key: 'RSA' as const, hash: salted.hash }
  const isIllegal = known?.key === 'Ed25519' && parameters.length > 0
  if (known === undefined || isIllegal) return UNSUPPORTED
  if (known.hash === 'md5') return 'x509: cannot verify signature: insecure algorithm MD5-RSA'
  if (key.type === undefined || key.object === undefined) return UNSUPPORTED
  if (key.type !== known.key) {
    return `x509: signature algorithm specifies an ${known.key} public key, but have public key of type ${GO_TYPES[key.type]}`
  }
  const padding = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: salted?.salt ?? 0 }
  const options = salted === undefined ? key.object : { key: key.object, ...padding }
  if (isVerified(() => verify(known.hash ?? null, signed, options, signature))) return undefined
  return key.type === 'RSA' ? 'crypto/rsa: verification error' : `x509: ${key.type} verification failure`
}

const GO_TYPES: Readonly<Record<KeyType, string>> = {
  RSA: '*rsa.PublicKey',
  ECDSA: '*ecdsa.PublicKey',
  Ed25519: 'ed25519.PublicKey',
}

/** The hash of RSASSA-PSS, where its salt is as long as it is and the same hash makes the mask. */
function saltedHash(parameters: Buffer): { hash: string; salt: number } | undefined {
  const text = parameters.toString('hex')
  for (const [identifier, hash, salt] of PSS_HASHES) {
    const isTwice = text.split(identifier).length === 3
    if (isTwice && text.includes(`a2030201${salt.toString(16)}`)) return { hash, salt }
  }
  return undefined
}

function isVerified(check: () => boolean): boolean {
  try {
    return check()
  } catch {
    return false
  }
}

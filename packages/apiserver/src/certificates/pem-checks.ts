/** What is wrong with certificates and keys that objects carry, in the words of Go's libraries, which clients see. */
import { createPrivateKey, createPublicKey, type KeyObject, X509Certificate } from 'node:crypto'
import { requestProblem } from './signing-request.ts'

interface Block {
  readonly type: string
  readonly headers: boolean
  readonly bytes: Buffer
}

const PEM = /-----BEGIN ([^\n]*?)-----[ \t]*\r?\n([\s\S]*?)-----END \1-----/g

/** The PEM blocks of a text; what stands between them does not count. */
function blocksOf(text: string): Block[] {
  return Array.from(text.matchAll(PEM)).flatMap(([, type = '', body = '']) => {
    const headers = /^[^\n:]+: /.test(body)
    const data = (headers ? body.slice(body.search(/\r?\n\r?\n/) + 1) : body).replace(/\s+/g, '')
    return BASE64.test(data) ? [{ type, headers, bytes: Buffer.from(data, 'base64') }] : []
  })
}

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

const skipped = (blocks: readonly Block[]): string => `[${blocks.map(({ type }) => type).join(' ')}]`

/** Why a certificate and a key do not go together (crypto/tls X509KeyPair); undefined where they do. */
export function keyPairProblem(certificate: string, key: string): string | undefined {
  const certificates = blocksOf(certificate)
  const leaf = certificates.find(({ type }) => type === 'CERTIFICATE')
  if (leaf === undefined) return certificateProblem(certificates)
  const keys = blocksOf(key)
  const own = keys.find(({ type }) => type === 'PRIVATE KEY' || type.endsWith(' PRIVATE KEY'))
  if (own === undefined) return keyProblem(keys)
  const publicKey = parsed(() => new X509Certificate(leaf.bytes).publicKey)
  if (publicKey === undefined) return 'x509: malformed certificate'
  const privateKey = readPrivateKey(own)
  if (privateKey === undefined) return 'tls: failed to parse private key'
  if (privateKey.asymmetricKeyType !== publicKey.asymmetricKeyType) {
    return 'tls: private key type does not match public key type'
  }
  return createPublicKey(privateKey).equals(publicKey) ? undefined : 'tls: private key does not match public key'
}

function certificateProblem(blocks: readonly Block[]): string {
  if (blocks.length === 0) return 'tls: failed to find any PEM data in certificate input'
  if (blocks.length === 1 && blocks[0]!.type.endsWith('PRIVATE KEY')) {
    return 'tls: failed to find certificate PEM data in certificate input, but did find a private key; PEM inputs may have been switched'
  }
  return `tls: failed to find "CERTIFICATE" PEM block in certificate input after skipping PEM blocks of the following types: ${skipped(blocks)}`
}

function keyProblem(blocks: readonly Block[]): string {
  if (blocks.length === 0) return 'tls: failed to find any PEM data in key input'
  if (blocks.length === 1 && blocks[0]!.type === 'CERTIFICATE') {
    return 'tls: found a certificate rather than a key in the PEM for the private key'
  }
  return `tls: failed to find PEM block with type ending in "PRIVATE KEY" in key input after skipping PEM blocks of the following types: ${skipped(blocks)}`
}

/** Whatever the block says that it is: Go tries all forms, too. */
function readPrivateKey({ bytes: key }: Block): KeyObject | undefined {
  const types = ['pkcs1', 'pkcs8', 'sec1'] as const
  return types
    .map(type => parsed(() => createPrivateKey({ key, format: 'der', type })))
    .find(each => each !== undefined)
}

/** Why nobody can be trusted by this bundle of authorities (client-go transport.TLSConfigFor); undefined where somebody can. */
export function caBundleProblem(bundle: string): string | undefined {
  const blocks = blocksOf(bundle)
  const problem = 'unable to load root certificates: '
  let broken = false
  for (const { type, headers, bytes } of blocks) {
    if (type !== 'CERTIFICATE' || headers) continue
    if (parsed(() => new X509Certificate(bytes)) !== undefined) return undefined
    broken = true
  }
  if (broken) return `${problem}failed to parse certificate: x509: malformed certificate`
  return `${problem}${blocks.length === 0 ? 'unable to parse bytes as PEM block' : 'no valid certificate authority data seen'}`
}

/** Why what a signer issued is no certificate (x509.ParseCertificates, of each block); undefined where it is. */
export function certificatesProblem(pem: string): string | undefined {
  for (const { bytes } of blocksOf(pem)) {
    if (bytes.length === 0) return 'found CERTIFICATE PEM block containing 0 certificates'
    if (parsed(() => new X509Certificate(bytes)) === undefined) return 'x509: malformed certificate'
  }
  return undefined
}

/** Why a certificate signing request cannot be used (certificates.ParseCSR and CheckSignature); undefined where it can. */
export function signingRequestProblem(pem: string): string | undefined {
  const [block] = blocksOf(pem)
  if (block?.type !== 'CERTIFICATE REQUEST') return 'PEM block type must be CERTIFICATE REQUEST'
  return requestProblem(block.bytes)
}

function parsed<T>(parse: () => T): T | undefined {
  try {
    return parse()
  } catch {
    return undefined
  }
}

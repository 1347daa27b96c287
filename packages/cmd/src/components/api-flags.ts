/** Flags of kube-apiserver and kube-controller-manager of which Canopus can do one value only, and the reported version. */
import { GIT_VERSION } from '@canopus/apiserver'
import { Failure } from '@canopus/cli'
import { InvalidArgumentError } from 'commander'
import { bool } from '../flags.ts'

const JSON_TYPE = 'application/json'
const MEDIA_TYPES = [JSON_TYPE, 'application/vnd.kubernetes.protobuf', 'application/yaml']

/** `--storage-media-type`: empty is the default (k8s.io/apiserver/pkg/server/options/etcd.go). */
export function storageMediaType(text: string): string {
  if (text !== '' && !MEDIA_TYPES.includes(text))
    throw new Failure(`--storage-media-type ${JSON.stringify(text)} invalid, allowed values: ${MEDIA_TYPES.join(', ')}`)
  if (text !== '' && text !== JSON_TYPE)
    throw new Failure(`--storage-media-type: objects are stored as ${JSON_TYPE} only`)
  return JSON_TYPE
}

/** `--kube-api-content-type`: empty is the default (k8s.io/controller-manager/options/generic.go). */
export function apiContentType(text: string): string {
  if (text !== '' && text !== JSON_TYPE) throw new InvalidArgumentError(`requests are sent as ${JSON_TYPE} only.`)
  return JSON_TYPE
}

const SEMANTIC = /^v\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$/

/** What is asked for of the own version: that it be said, in one line or with all that is known, or that it be another. */
export type AskedVersion = boolean | string

/** `--version=v1.2.3-suffix`: the own version with another suffix (k8s.io/component-base/version: verflag, dynamic.go). */
export function reportedVersion(text: string): AskedVersion {
  if (text === 'raw') return text
  if (!text.startsWith('v')) return bool(text)
  if (!SEMANTIC.test(text)) throw new InvalidArgumentError(`could not parse ${JSON.stringify(text)} as version.`)
  const release = (version: string): string => version.split(/[-+]/)[0]!
  if (release(text) !== release(GIT_VERSION)) {
    const [asked, own] = [text, GIT_VERSION].map(each => JSON.stringify(each))
    throw new InvalidArgumentError(`version ${asked} must match major/minor/patch of default version ${own}.`)
  }
  return text
}

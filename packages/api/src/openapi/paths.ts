import type { ResourceType, SubresourceFacts } from '@canopus/apimachinery'
import { definitionName } from './names.ts'
import type { Parameters } from './parameters.ts'
import type { GroupVersionKind, OpenApiKind, Operation, Parameter, PathItem, Payload } from './types.ts'

export const MEDIA_TYPES = ['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf'] as const
const WATCH_TYPES = [
  ...MEDIA_TYPES,
  'application/json;stream=watch',
  'application/vnd.kubernetes.protobuf;stream=watch',
] as const
export const PATCH_TYPES = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  'application/apply-patch+yaml',
] as const
const ANYTHING = ['*/*'] as const
/** Custom kinds speak no protobuf and know no strategic merge patch. */
const CUSTOM_TYPES = ['application/json', 'application/yaml'] as const
const CUSTOM_PATCH_TYPES = PATCH_TYPES.filter(each => each !== 'application/strategic-merge-patch+json')

const META = 'am.apis.meta.v1'
const meta = (kind: string): Payload => ({ definition: definitionName(`${META}.${kind}`) })
const STATUS = meta('Status')
const WATCH_EVENT = meta('WatchEvent')
const PATCH = meta('Patch')
const DELETE_OPTIONS = meta('DeleteOptions')

/** Kinds whose deletion answers with the object instead of a Status. */
const ANSWERS_DELETED = new Set([
  'PersistentVolume',
  'PersistentVolumeClaim',
  'Pod',
  'PodTemplate',
  'ResourceQuota',
  'Service',
  'ServiceAccount',
  'DeviceClass.resource.k8s.io',
  'ResourceClaim.resource.k8s.io',
  'ResourceClaimTemplate.resource.k8s.io',
  'ResourceSlice.resource.k8s.io',
  'CSIDriver.storage.k8s.io',
  'CSINode.storage.k8s.io',
  'StorageClass.storage.k8s.io',
  'VolumeAttachment.storage.k8s.io',
  'VolumeAttributesClass.storage.k8s.io',
])

const WATCHLIST = "deprecated: use the 'watch' parameter with a list operation instead"

const upper = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)

/** `RbacAuthorization` for `rbac.authorization.k8s.io`, `Core` for the core group. */
export function groupWord(group: string): string {
  if (group === '') return 'Core'
  return group
    .replace(/\.k8s\.io$/, '')
    .split(/[.-]/)
    .map(upper)
    .join('')
}

/** `core_v1`, `rbacAuthorization_v1`: how operations are grouped. */
export const groupTag = (group: string, version?: string): string => {
  const word = groupWord(group)
  return word.charAt(0).toLowerCase() + word.slice(1) + (version === undefined ? '' : `_${version}`)
}

function article(kind: string): string {
  if (/s$/.test(kind) && !/ss$/.test(kind)) return ''
  return /^[aeiou]/i.test(kind) ? 'an ' : 'a '
}

/** Writes the paths of one kind: collection, object, subresources and the deprecated watch paths. */
export class KindPaths {
  private readonly kind: OpenApiKind
  private readonly custom: boolean
  private readonly type: ResourceType
  private readonly parameters: Parameters
  private readonly messageName: (kind: GroupVersionKind) => string | undefined
  private readonly root: string
  private readonly word: string
  private readonly tag: string
  /** The kind as operation ids name it: `NamespacedPod`. */
  private readonly scoped: string

  /** `messageName` finds the messages of other kinds that subresources speak. */
  constructor(kind: OpenApiKind, parameters: Parameters, messageName: (kind: GroupVersionKind) => string | undefined) {
    const { type } = kind
    this.kind = kind
    this.custom = kind.definition !== undefined
    this.type = type
    this.parameters = parameters
    this.messageName = messageName
    this.root = type.group === '' ? `/api/${type.version}` : `/apis/${type.group}/${type.version}`
    this.word = groupWord(type.group) + upper(type.version)
    this.tag = groupTag(type.group, type.version)
    this.scoped = `${type.namespaced ? 'Namespaced' : ''}${type.kind}`
  }

  all(): PathItem[] {
    const { type } = this
    const scope = type.namespaced ? '/namespaces/{namespace}' : ''
    const collection = `${this.root}${scope}/${type.plural}`
    const items = [
      this.item(collection, [], this.collectionOperations()),
      this.item(`${collection}/{name}`, [this.name], this.objectOperations()),
    ]
    if (type.namespaced && this.can('list'))
      items.push(this.item(`${this.root}/${type.plural}`, [], [this.listOperation('ForAllNamespaces')]))
    for (const [name, facts] of Object.entries(type.subresources))
      items.push(...this.subresource(`${collection}/{name}/${name}`, name, facts))
    if (this.can('watch') && !this.custom) items.push(...this.watchPaths(`${this.root}/watch${scope}/${type.plural}`))
    return items.filter(item => item.operations.length > 0)
  }

  private get name(): Parameter {
    return this.parameters.name(this.type.kind)
  }

  private can(verb: string): boolean {
    return this.type.verbs.includes(verb)
  }

  private get target(): GroupVersionKind {
    const { group, kind, version } = this.type
    return { group, kind, version }
  }

  private get payload(): Payload {
    return { definition: this.kind.definition?.name ?? definitionName(this.kind.message ?? '') }
  }

  private get listPayload(): Payload {
    if (this.kind.definition) return { definition: `${this.kind.definition.name}List` }
    return { definition: definitionName(this.messageName({ ...this.target, kind: this.type.listKind }) ?? '') }
  }

  /** Parameters of a path with one operation stand on the path, as all do that its operations share. */
  private item(path: string, own: readonly Parameter[], operations: readonly Operation[]): PathItem {
    const namespaced = path.includes('{namespace}')
    const pretty = operations.every(operation => operation.action !== 'connect')
    const only = operations.length === 1 ? operations[0]! : undefined
    const parameters = [
      ...own,
      ...(namespaced ? [this.parameters.namespace] : []),
      ...(pretty ? [this.parameters.pretty] : []),
      ...(only?.parameters ?? []),
    ]
    return { path, parameters, operations: only === undefined ? operations : [{ ...only, parameters: [] }] }
  }

  private collectionOperations(): Operation[] {
    const { kind } = this.type
    const operations: Operation[] = []
    if (this.can('list')) operations.push(this.listOperation(''))
    if (this.can('create'))
      operations.push(
        this.write(
          'post',
          `create${this.word}${this.scoped}`,
          `create ${article(kind)}${kind}`,
          this.payload,
          this.target,
        ),
      )
    if (this.can('deletecollection')) operations.push(this.collectionDeletion(kind))
    return operations
  }

  /** Of custom kinds upstream says that they are deleted by the options of lists, and nothing of a body. */
  private collectionDeletion(kind: string): Operation {
    return {
      ...this.base('delete', 'deletecollection', this.target),
      id: `delete${this.word}Collection${this.scoped}`,
      description: `delete collection of ${kind}`,
      parameters: this.custom ? this.parameters.list() : this.parameters.deleteCollection(),
      ...(this.custom ? {} : { body: { payload: DELETE_OPTIONS, required: false } }),
      responses: [[200, STATUS]],
    }
  }

  private listOperation(suffix: '' | 'ForAllNamespaces'): Operation {
    const { kind } = this.type
    const watchable = this.can('watch')
    return {
      ...this.base('get', 'list', this.target),
      id: `list${this.word}${suffix === '' ? this.scoped : kind + suffix}`,
      description: `list ${watchable ? 'or watch ' : ''}objects of kind ${kind}`,
      parameters: this.parameters.list(),
      responses: [[200, this.listPayload]],
      produces: this.custom ? CUSTOM_TYPES : WATCH_TYPES,
    }
  }

  private objectOperations(): Operation[] {
    const { kind } = this.type
    const id = (verb: string): string => `${verb}${this.word}${this.scoped}`
    const operations: Operation[] = []
    if (this.can('get')) operations.push(this.read(id('read'), `read the specified ${kind}`, this.payload, this.target))
    if (this.can('update'))
      operations.push(this.write('put', id('replace'), `replace the specified ${kind}`, this.payload, this.target))
    if (this.can('delete')) operations.push(this.deletion(id('delete')))
    if (this.can('patch'))
      operations.push(this.patch(id('patch'), `partially update the specified ${kind}`, this.payload, this.target))
    return operations
  }

  private deletion(id: string): Operation {
    const { kind, group } = this.type
    const answer = ANSWERS_DELETED.has(group === '' ? kind : `${kind}.${group}`) ? this.payload : STATUS
    return {
      ...this.base('delete', 'delete', this.target),
      id,
      description: `delete ${article(kind)}${kind}`,
      parameters: this.parameters.delete(),
      body: { payload: DELETE_OPTIONS, required: false },
      responses: [
        [200, answer],
        [202, answer],
      ],
    }
  }

  private base(
    method: Operation['method'],
    action: string,
    target: GroupVersionKind,
  ): Pick<Operation, 'method' | 'action' | 'target' | 'tag' | 'parameters' | 'consumes' | 'produces'> {
    const [consumes, produces] = this.custom ? [CUSTOM_TYPES, CUSTOM_TYPES] : [ANYTHING, MEDIA_TYPES]
    return { method, action, target, tag: this.tag, parameters: [], consumes, produces }
  }

  private read(id: string, description: string, payload: Payload, target: GroupVersionKind): Operation {
    const parameters = this.custom ? this.parameters.get() : []
    return { ...this.base('get', 'get', target), id, description, parameters, responses: [[200, payload]] }
  }

  private write(
    method: 'post' | 'put',
    id: string,
    description: string,
    payload: Payload,
    target: GroupVersionKind,
  ): Operation {
    const codes = method === 'post' ? [200, 201, 202] : [200, 201]
    return {
      ...this.base(method, method, target),
      id,
      description,
      parameters: method === 'post' ? this.parameters.create() : this.parameters.update(),
      body: { payload, required: true },
      responses: codes.map(code => [code, payload] as const),
    }
  }

  private patch(id: string, description: string, payload: Payload, target: GroupVersionKind): Operation {
    return {
      ...this.base('patch', 'patch', target),
      id,
      description,
      parameters: this.parameters.patch(),
      body: { payload: PATCH, required: true },
      consumes: this.custom ? CUSTOM_PATCH_TYPES : PATCH_TYPES,
      responses: this.custom
        ? [[200, payload]]
        : [
            [200, payload],
            [201, payload],
          ],
    }
  }

  private subresource(path: string, name: string, facts: SubresourceFacts): PathItem[] {
    const other = facts.type
    if (other?.kind.endsWith('Options')) return this.connect(path, name, other)
    if (name === 'log') return [this.log(path)]
    // The scale of a custom kind is said to be of that kind, as upstream has it.
    const target = this.custom ? this.target : (other ?? this.target)
    const message = other === undefined ? undefined : this.messageName(other)
    const payload = message === undefined ? this.payload : { definition: definitionName(message) }
    const id = (verb: string): string => `${verb}${this.word}${this.scoped}${upper(name)}`
    const of = `${name} of the specified ${this.type.kind}`
    const can = (verb: string): boolean => facts.verbs.includes(verb)
    const operations: Operation[] = []
    if (can('get')) operations.push(this.read(id('read'), `read ${of}`, payload, target))
    if (can('update')) operations.push(this.write('put', id('replace'), `replace ${of}`, payload, target))
    if (can('create'))
      operations.push(
        this.write(
          'post',
          id('create'),
          `create ${name} of ${article(this.type.kind)}${this.type.kind}`,
          payload,
          target,
        ),
      )
    if (can('patch')) operations.push(this.patch(id('patch'), `partially update ${of}`, payload, target))
    return [this.item(path, [this.name], operations)]
  }

  private log(path: string): PathItem {
    const operation: Operation = {
      ...this.base('get', 'get', this.target),
      id: `read${this.word}${this.scoped}Log`,
      description: `read log of the specified ${this.type.kind}`,
      parameters: this.parameters.ofMessage('core.v1.PodLogOptions'),
      produces: ['text/plain', ...MEDIA_TYPES],
      responses: [[200, 'string']],
    }
    return this.item(path, [this.name], [operation])
  }

  /** Requests that are passed on: exec, attach, port-forward, proxy. */
  private connect(path: string, name: string, options: GroupVersionKind): PathItem[] {
    const methods =
      name === 'proxy'
        ? (['get', 'put', 'post', 'delete', 'options', 'head', 'patch'] as const)
        : (['get', 'post'] as const)
    const message = this.messageName(options)
    const query = message === undefined ? [] : this.parameters.ofMessage(message)
    const operations = (suffix: string): Operation[] =>
      methods.map(method => ({
        ...this.base(method, 'connect', { group: options.group, kind: options.kind, version: options.version }),
        id: `connect${this.word}${upper(method)}${this.scoped}${upper(name)}${suffix}`,
        description: `connect ${method.toUpperCase()} requests to ${name} of ${this.type.kind}`,
        produces: ANYTHING,
        responses: [[200, 'string']],
      }))
    const items = [this.item(path, [this.name, ...query], operations(''))]
    if (name === 'proxy')
      items.push(this.item(`${path}/{path}`, [this.name, ...query, this.parameters.path], operations('WithPath')))
    return items
  }

  private watchPaths(path: string): PathItem[] {
    const { kind, namespaced, plural } = this.type
    const operation = (id: string, action: string, description: string): Operation => ({
      ...this.base('get', action, this.target),
      id: `watch${this.word}${id}`,
      description,
      parameters: this.parameters.list(),
      produces: WATCH_TYPES,
      responses: [[200, WATCH_EVENT]],
    })
    const list = `watch individual changes to a list of ${kind}. ${WATCHLIST}.`
    const one = `watch changes to an object of kind ${kind}. ${WATCHLIST}, filtered to a single item with the 'fieldSelector' parameter.`
    const items = [
      this.item(path, [], [operation(`${this.scoped}List`, 'watchlist', list)]),
      this.item(`${path}/{name}`, [this.name], [operation(this.scoped, 'watch', one)]),
    ]
    if (namespaced)
      items.push(
        this.item(`${this.root}/watch/${plural}`, [], [operation(`${kind}ListForAllNamespaces`, 'watchlist', list)]),
      )
    return items
  }
}

const DISCOVERY_BASE = { method: 'get', parameters: [], consumes: MEDIA_TYPES, produces: MEDIA_TYPES } as const

/** The discovery path of a group version. */
export function groupVersionPath(group: string, version: string): PathItem {
  const path = group === '' ? `/api/${version}/` : `/apis/${group}/${version}/`
  const id = `get${groupWord(group)}${upper(version)}APIResources`
  const operation: Operation = {
    ...DISCOVERY_BASE,
    id,
    description: 'get available resources',
    tag: groupTag(group, version),
    responses: [[200, meta('APIResourceList')]],
  }
  return { path, parameters: [], operations: [operation] }
}

/** The discovery paths above group versions: `/api/`, `/apis/` and one per group. */
export function discoveryPaths(groups: readonly string[]): PathItem[] {
  const item = (path: string, id: string, description: string, tag: string, kind: string): PathItem => ({
    path,
    parameters: [],
    operations: [{ ...DISCOVERY_BASE, id, description, tag, responses: [[200, meta(kind)]] }],
  })
  const versions = 'get available API versions'
  return [
    item('/api/', 'getCoreAPIVersions', versions, 'core', 'APIVersions'),
    item('/apis/', 'getAPIVersions', versions, 'apis', 'APIGroupList'),
    ...groups
      .filter(group => group !== '')
      .map(group =>
        item(
          `/apis/${group}/`,
          `get${groupWord(group)}APIGroup`,
          'get information of a group',
          groupTag(group),
          'APIGroup',
        ),
      ),
  ]
}

import assert from 'node:assert/strict'
import { Pods, schemas } from '@canopus/api'
import { type KubeObject, type ResourceType, StatusError } from '@canopus/apimachinery'
import { SeededRandom, SimulatedClock, silentLogger } from '@canopus/base'
import { FakeObjects } from '../../authn/testing/fake-objects.ts'
import { alwaysAllow } from '../../authz/modes.ts'
import { RbacAuthorizer } from '../../authz/rbac.ts'
import { RoleIndex } from '../../authz/role-index.ts'
import type { AdmissionAttributes, AdmissionPlugin, Operation, User } from '../../security.ts'
import type { AdmissionContext } from '../shared.ts'

/** What plugins work with, over objects that the test puts there. */
export function fakeContext(more: Partial<AdmissionContext> = {}): AdmissionContext & { objects: FakeObjects } {
  const objects = (more.objects as FakeObjects | undefined) ?? new FakeObjects()
  const roles = new RoleIndex(objects)
  return {
    loopback: { send: () => Promise.reject(new Error('no server in this test')) },
    clock: new SimulatedClock(),
    random: new SeededRandom(1),
    logger: silentLogger,
    resourceOfKind: () => undefined,
    webhooks: { call: () => Promise.reject(new Error('no webhooks in this test')), close: () => {} },
    authorizer: alwaysAllow,
    roles,
    rbac: new RbacAuthorizer(roles),
    ...more,
    objects,
  }
}

export interface FakeRequest {
  operation?: Operation
  type?: ResourceType
  subresource?: string
  object?: object
  oldObject?: object
  user?: User
  dryRun?: boolean
  verb?: string
}

/** The attributes of a request; a pod being created by `jane` where nothing else is said. */
export function request(facts: FakeRequest): AdmissionAttributes {
  const { type = Pods, operation = 'CREATE' } = facts
  const object = facts.object as KubeObject | undefined
  const oldObject = facts.oldObject as KubeObject | undefined
  const metadata = (object ?? oldObject)?.metadata
  return {
    operation,
    type,
    resource: { group: type.group, version: type.version, resource: type.plural },
    kind: { group: type.group, version: type.version, kind: type.kind },
    subresource: facts.subresource ?? '',
    namespace: metadata?.namespace ?? '',
    name: metadata?.name ?? '',
    object,
    oldObject,
    options: {} as AdmissionAttributes['options'],
    dryRun: facts.dryRun ?? false,
    verb: facts.verb,
    user: facts.user ?? { name: 'jane', groups: ['system:authenticated'] },
    warn: () => {},
    annotate: () => {},
    reinvocation: { isReinvoke: false, request: () => {}, state: (_, create) => create() },
    versions: {
      equivalents: () => [],
      convert: same => same,
      decode: value => value as KubeObject,
      schema: () => schemas.schemaOf('core.v1.Pod'),
    },
  }
}

/** Runs a plugin as the chain does: mutate, then validate. */
export async function admit(plugin: AdmissionPlugin, attributes: AdmissionAttributes): Promise<void> {
  const address = `${attributes.type.group}/${attributes.type.plural}`
  const resource = attributes.subresource === '' ? address : `${address}/${attributes.subresource}`
  if (!plugin.operations.includes(attributes.operation)) return
  if (plugin.resources !== undefined && !plugin.resources.includes(resource)) return
  await plugin.mutate?.(attributes)
  await plugin.validate?.(attributes)
}

/** The refusal of a request; fails where it is let through. */
export async function refusalOf(plugin: AdmissionPlugin, attributes: AdmissionAttributes): Promise<StatusError> {
  try {
    await admit(plugin, attributes)
  } catch (error) {
    if (error instanceof StatusError) return error
    throw error
  }
  assert.fail(`${plugin.name} let the request through`)
}

/** Expects a refusal with exactly this message. */
export async function refuses(
  plugin: AdmissionPlugin,
  attributes: AdmissionAttributes,
  message: string,
  code = 403,
): Promise<void> {
  const refusal = await refusalOf(plugin, attributes)
  assert.equal(refusal.message, message)
  assert.equal(refusal.code, code)
}

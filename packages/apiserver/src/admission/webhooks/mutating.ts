import { MutatingWebhookConfigurations } from '@canopus/api'
import type { MutatingWebhook } from '@canopus/api/admissionregistration/v1'
import {
  applyJsonPatch,
  DecodeError,
  deepEqual,
  encodeJson,
  internalError,
  JsonSyntaxError,
  type KubeObject,
  PatchError,
  parseJson,
} from '@canopus/apimachinery'
import type { AdmissionAttributes, AdmissionPlugin } from '../../security.ts'
import { addEvent } from '../../tracing/span.ts'
import { isAdmissionConfiguration, type Match } from '../matching/rules.ts'
import { Rounds, replaceContent } from '../rounds.ts'
import { askWebhook, CallingWebhookError, checkTimeLeft, objectsFor } from './ask.ts'
import type { WebhookAdmissionContext } from './context.ts'
import { namespaceLabels, noMatchConditions, shouldCall } from './match.ts'
import { observed } from './observed.ts'
import type { Verdict } from './review.ts'
import { type Hook, HookSource } from './source.ts'

const NAME = 'MutatingAdmissionWebhook'
const PATCH = 'patch.webhook.admission.k8s.io/'
const MUTATION = 'mutation.webhook.admission.k8s.io/'
const FAILED_OPEN = `failed-open.${MUTATION}`

/** Asks the mutating webhooks one after the other; each sees what the ones before it have changed. */
export function mutatingWebhooks(context: WebhookAdmissionContext): AdmissionPlugin {
  const source = new HookSource(MutatingWebhookConfigurations, context.objects)
  return {
    name: NAME,
    operations: ['CREATE', 'UPDATE', 'DELETE', 'CONNECT'],
    mutate(attributes) {
      const { hooks } = source
      if (hooks.length === 0 || isAdmissionConfiguration(attributes)) return
      return askInTurn(context, hooks, attributes)
    },
  }
}

async function askInTurn(
  context: WebhookAdmissionContext,
  hooks: readonly Hook[],
  attributes: AdmissionAttributes,
): Promise<void> {
  const rounds = Rounds.begin(NAME, attributes)
  const labels = await namespaceLabels(hooks, attributes, context.objects)
  for (const [index, hook] of hooks.entries()) {
    const match = await shouldCall(hook, attributes, labels, context.matchConditions ?? noMatchConditions)
    if (match === undefined || rounds.skips(hook.id)) continue
    const changed = await askOne(context, hook, match, attributes, index)
    rounds.called(hook.id, {
      changed,
      wantsMore: (hook.webhook as MutatingWebhook).reinvocationPolicy === 'IfNeeded',
    })
  }
  rounds.end(attributes.object)
}

/** Whether the webhook has changed the object. */
async function askOne(
  context: WebhookAdmissionContext,
  hook: Hook,
  match: Match,
  attributes: AdmissionAttributes,
  index: number,
): Promise<boolean> {
  const { configuration, webhook } = hook
  const place = `round_${attributes.reinvocation.isReinvoke ? 1 : 0}_index_${index}`
  let changed = false
  try {
    const objects = await objectsFor(attributes, match)
    changed = await observed(context, hook, 'admit', attributes, () =>
      askWebhook(context, hook, true, attributes, match, objects, verdict =>
        applyVerdict(hook, match, attributes, objects.object, verdict, place),
      ),
    )
  } catch (error) {
    if (!(error instanceof CallingWebhookError)) throw error
    if (webhook.failurePolicy !== 'Ignore') throw error.status
    context.logger.warn('a webhook failed and is passed over', { configuration, error: error.message })
    attributes.annotate(`${FAILED_OPEN}${place}`, webhook.name)
    checkTimeLeft(context, attributes)
  } finally {
    const facts = { configuration, webhook: webhook.name, mutated: changed }
    attributes.annotate(`${MUTATION}${place}`, JSON.stringify(facts))
  }
  return changed
}

async function applyVerdict(
  { webhook, configuration }: Hook,
  match: Match,
  attributes: AdmissionAttributes,
  seen: KubeObject | undefined,
  { patch, patchType }: Verdict,
  place: string,
): Promise<boolean> {
  if (patch === '') return false
  const operations = readPatch(webhook.name, patch)
  if (operations.length === 0) return false
  if (seen === undefined) {
    const name = JSON.stringify(webhook.name)
    throw internalError(
      `admission webhook ${name} attempted to modify the object, which is not supported for this operation`,
    )
  }
  if (patchType !== 'JSONPatch') {
    throw new CallingWebhookError(webhook.name, `unsupported patch type ${JSON.stringify(patchType)}`)
  }
  const patched = patchedObject(seen, operations, match, attributes)
  addEvent('Patch applied')
  const note = { configuration, webhook: webhook.name, patch: operations, patchType }
  attributes.annotate(`${PATCH}${place}`, encodeJson(note), 'Request')
  if (deepEqual(patched, seen)) return false
  const own = seen === attributes.object ? patched : await attributes.versions.convert(patched, attributes.kind)
  replaceContent(attributes.object!, own)
  return true
}

function readPatch(name: string, patch: string): readonly unknown[] {
  const undecodable = (why: string): CallingWebhookError =>
    new CallingWebhookError(name, `received undecodable patch in webhook response: ${why}`)
  try {
    const operations = parseJson(patch)
    if (Array.isArray(operations)) return operations
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error
    throw undecodable(error.message)
  }
  throw undecodable('json: cannot unmarshal object into Go value of type jsonpatch.Patch')
}

/** The patched object as one of its kind: what the schema does not know is gone, defaults are there. */
function patchedObject(
  object: KubeObject,
  operations: readonly unknown[],
  { kind }: Match,
  { versions }: AdmissionAttributes,
): KubeObject {
  try {
    return versions.decode(applyJsonPatch(object as never, operations), kind)
  } catch (error) {
    if (error instanceof PatchError || error instanceof DecodeError || error instanceof JsonSyntaxError) {
      throw internalError(error.message)
    }
    throw error
  }
}

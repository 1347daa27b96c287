import type { Container, EphemeralContainer, Pod } from '@canopus/api/core/v1'
import { LruCache, messageOf } from '@canopus/base'
import { ReviewClient } from '../review-webhook/client.ts'
import type { AdmissionAttributes, AdmissionPlugin } from '../security.ts'
import { type AdmissionContext, podOf, refusal } from './shared.ts'

const AUDIT = 'imagepolicywebhook.image-policy.k8s.io/'
const FAILED_OPEN = 'alpha.image-policy.k8s.io/failed-open'
const CAPACITY = 1024

/** A question (k8s.io/api/imagepolicy/v1alpha1, ImageReviewSpec). */
interface Question {
  readonly containers?: readonly { readonly image?: string }[]
  readonly annotations?: Readonly<Record<string, string>>
  readonly namespace?: string
}

interface Answer {
  readonly allowed?: boolean
  readonly reason?: string
  readonly auditAnnotations?: Readonly<Record<string, string>>
}

/** Another program says which images pods may have (plugin/pkg/admission/imagepolicy). Throws where its kubeconfig is wrong. */
export function imagePolicyWebhook(context: AdmissionContext): AdmissionPlugin {
  const validate = reviewer(context)
  return {
    name: 'ImagePolicyWebhook',
    operations: ['CREATE', 'UPDATE'],
    resources: ['/pods', '/pods/ephemeralcontainers'],
    ...(validate === undefined ? {} : { validate }),
  }
}

/** Nothing where there is nobody to be asked. */
function reviewer(context: AdmissionContext): ((attributes: AdmissionAttributes) => Promise<void>) | undefined {
  const { configuration, webhookEndpoint, clock, random, logger } = context
  const policy = configuration?.imagePolicy
  if (policy === undefined || webhookEndpoint === undefined) return undefined
  const { allowTtl, denyTtl, retryBackoff, defaultAllow } = policy
  const client = new ReviewClient({
    endpoint: webhookEndpoint(policy.kubeConfigFile),
    clock,
    random,
    firstPause: retryBackoff,
  })
  const known = new LruCache<string, { until: number; answer: Answer }>({ capacity: CAPACITY })

  async function ask(question: Question): Promise<Answer> {
    const key = JSON.stringify(question)
    const found = known.get(key)
    if (found !== undefined && found.until > clock.monotonic()) return found.answer
    const { status: answer = {} } = await client.send<{ status?: Answer }>(reviewOf(question))
    known.set(key, { until: clock.monotonic() + (answer.allowed ? allowTtl : denyTtl), answer })
    return answer
  }

  return async attributes => {
    let answer: Answer
    try {
      answer = await ask(questionOf(attributes))
    } catch (error) {
      logger.warn('the image policy webhook could not be asked', { error, allowed: defaultAllow })
      if (!defaultAllow) throw refusal(attributes, messageOf(error))
      failOpen(attributes)
      return
    }
    for (const [key, value] of Object.entries(answer.auditAnnotations ?? {})) attributes.annotate(AUDIT + key, value)
    if (!answer.allowed) throw refusal(attributes, whyNot(answer))
  }
}

const reviewOf = (spec: Question): object => ({
  kind: 'ImageReview',
  apiVersion: 'imagepolicy.k8s.io/v1alpha1',
  metadata: {},
  spec,
  status: { allowed: false },
})

function questionOf(attributes: AdmissionAttributes): Question {
  const { metadata, spec } = podOf(attributes)
  const containers = attributes.subresource === '' ? ownContainers(spec) : (spec.ephemeralContainers ?? [])
  const annotations = Object.entries(metadata.annotations ?? {}).filter(([key]) =>
    key.includes('.image-policy.k8s.io/'),
  )
  return {
    ...(containers.length === 0
      ? {}
      : { containers: containers.map(({ image }) => ({ ...(image ? { image } : {}) })) }),
    ...(annotations.length === 0 ? {} : { annotations: Object.fromEntries(annotations.sort()) }),
    ...(attributes.namespace === '' ? {} : { namespace: attributes.namespace }),
  }
}

const ownContainers = ({
  containers = [],
  initContainers = [],
}: Partial<Pod['spec']>): (Container | EphemeralContainer)[] => [...containers, ...initContainers]

/** The pod is marked, as upstream does it, where nothing else is changed any more. */
function failOpen(attributes: AdmissionAttributes): void {
  attributes.annotate(`${AUDIT}failed-open`, 'true')
  const { metadata } = podOf(attributes)
  metadata.annotations = { ...metadata.annotations, [FAILED_OPEN]: 'true' }
}

const whyNot = ({ reason }: Answer): string =>
  reason
    ? `image policy webhook backend denied one or more images: ${reason}`
    : 'one or more images rejected by webhook backend'

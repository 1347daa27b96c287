import { checkPolicyTypes, createCsrSigner, createKindSchemas, createLegacyTokenIssuer } from '@canopus/apiserver'
import type { Client } from '@canopus/client'
import { type ControllersOptions, createControllers, selectControllers } from '@canopus/controllers'
import type { Controller, ControllerContext } from '@canopus/operator'
import type { CertifiedKey } from '@canopus/platform'

export interface ControllerManagerOptions
  extends Pick<
    ControllersOptions,
    | 'controllers'
    | 'featureGates'
    | 'rootCa'
    | 'nodeIpam'
    | 'nodeLifecycle'
    | 'podGc'
    | 'attachDetach'
    | 'approveKubeletServing'
    | 'autoscaler'
    | 'cloud'
    | 'endpoints'
    | 'endpointSlices'
    | 'mirroring'
    | 'resourceQuota'
    | 'legacyTokens'
    | 'workers'
  > {
  /** PEM; fills secrets of type `kubernetes.io/service-account-token`. */
  serviceAccountKey?: string
  /** Signs what kubelets ask for; without it certificate requests wait for somebody else. */
  signingCa?: CertifiedKey
  /** The same by signer, such as `kubernetes.io/kubelet-serving`, in place of one for all; other signers' requests wait. */
  signerCas?: Readonly<Record<string, CertifiedKey>>
  /** Milliseconds that signed certificates live; one year where missing. */
  signingDuration?: number
  /** As whom a controller works, by its name. Default: all as the context's client. */
  clientFor?: (controller: string) => Client
  /** More controllers that run beside the usual ones; `as` answers the context in which a controller of that name works. */
  extra?: (as: (controller: string) => ControllerContext) => readonly Controller[]
}

/** All controllers as one, sharing the context's informers. */
export function createControllerManager(context: ControllerContext, options: ControllerManagerOptions): Controller {
  const { clientFor } = options
  const as = (name: string): ControllerContext => (clientFor ? { ...context, client: clientFor(name) } : context)
  const controllers = [...builtIn(context, options), ...(options.extra?.(as) ?? [])]
  return {
    name: 'controller-manager',
    async run(signal) {
      context.informers.start(signal)
      await Promise.all(controllers.map(controller => controller.run(signal)))
    },
  }
}

function builtIn(context: ControllerContext, options: ControllerManagerOptions): Controller[] {
  const { clientFor, serviceAccountKey, signingCa, signerCas, signingDuration, extra: _, ...rest } = options
  const caFor = signerCas ? (signer: string) => signerCas[signer] : signingCa && (() => signingCa)
  const schemas = createKindSchemas(context.client.transport)
  const given: ControllersOptions = {
    ...rest,
    checkPolicy: policy => checkPolicyTypes(policy, schemas),
    ...(serviceAccountKey === undefined ? {} : { issueToken: createLegacyTokenIssuer(serviceAccountKey) }),
    ...(caFor === undefined
      ? {}
      : {
          csrSigner: createCsrSigner({
            caFor,
            clock: context.clock,
            ...(signingDuration === undefined ? {} : { validity: signingDuration }),
          }),
        }),
  }
  if (!clientFor) return createControllers(context, given)
  return selectControllers(given.controllers ?? ['*']).flatMap(name =>
    createControllers({ ...context, client: clientFor(name) }, { ...given, controllers: [name] }),
  )
}

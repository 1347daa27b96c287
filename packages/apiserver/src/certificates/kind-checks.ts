/** Kinds whose objects carry certificates: they are looked at here, where there is cryptography. */
import type { Kind } from '@canopus/api'
import type { CustomResourceDefinition } from '@canopus/api/apiextensions/v1'
import type { CertificateSigningRequest } from '@canopus/api/certificates/v1'
import type { Secret } from '@canopus/api/core/v1'
import { deepEqual, type FieldError, invalid, isConditionTrue, type KubeObject } from '@canopus/apimachinery'
import { caBundleProblem, certificatesProblem, keyPairProblem, signingRequestProblem } from './pem-checks.ts'

type Strategy = Kind['strategy']

const CHECKS: Readonly<Record<string, (strategy: Strategy) => Strategy>> = {
  '/secrets': strategy => ({
    ...strategy,
    warnings: (object, old) => [
      ...(strategy.warnings?.(object, old) ?? []),
      ...tlsWarnings(object as unknown as Secret),
    ],
  }),
  'certificates.k8s.io/certificatesigningrequests': strategy => ({
    ...strategy,
    validate: object => {
      const errors = strategy.validate?.(object) ?? []
      const own = requestErrors(object as unknown as CertificateSigningRequest)
      return errors.some(({ field }) => field === 'spec.request') ? errors : [...own, ...errors]
    },
    validateStatusUpdate: (object, old) => {
      const errors = strategy.validateStatusUpdate?.(object, old) ?? []
      const own = issuedErrors(
        object as unknown as CertificateSigningRequest,
        old as unknown as CertificateSigningRequest,
      )
      return errors.some(({ field }) => field === 'status.certificate') ? errors : [...errors, ...own]
    },
  }),
  'apiextensions.k8s.io/customresourcedefinitions': strategy => ({
    ...strategy,
    validateUpdate: (object, old) => [
      ...(strategy.validateUpdate?.(object, old) ?? []),
      ...bundleErrors(object as Definition, old as Definition),
    ],
  }),
}

type Definition = KubeObject & CustomResourceDefinition

/** The built-in kind, which then looks into the certificates of its objects. */
export function withCertificateChecks(kind: Kind): Kind {
  const check = CHECKS[`${kind.type.group}/${kind.type.plural}`]
  return check === undefined ? kind : { ...kind, strategy: check(kind.strategy) }
}

const text = (base64: string | undefined): string => Buffer.from(base64 ?? '', 'base64').toString('latin1')

/** pkg/registry/core/secret/strategy.go, warningsForSecret */
function tlsWarnings({ type, data = {} }: Secret): string[] {
  if (type !== 'kubernetes.io/tls') return []
  const problem = keyPairProblem(text(data['tls.crt']), text(data['tls.key']))
  return problem === undefined ? [] : [problem]
}

/** pkg/apis/certificates/validation/validation.go, validateCSR */
function requestErrors({ spec }: CertificateSigningRequest): FieldError[] {
  const problem = signingRequestProblem(text(spec.request))
  return problem === undefined ? [] : [invalid('spec.request', spec.request, problem)]
}

/** pkg/apis/certificates/validation/validation.go, validateCertificate */
function issuedErrors({ status }: CertificateSigningRequest, old: CertificateSigningRequest): FieldError[] {
  if (!status?.certificate || status.certificate === old.status?.certificate) return []
  const problem = certificatesProblem(text(status.certificate))
  return problem === undefined ? [] : [invalid('status.certificate', '<certificate data>', problem)]
}

const bundleOf = ({ spec }: CustomResourceDefinition): string => text(spec.conversion?.webhook?.clientConfig?.caBundle)

/** Whether webhooks of a definition could be trusted by its bundle, where it has one. */
export function bundleProblem(definition: CustomResourceDefinition): string | undefined {
  const bundle = bundleOf(definition)
  return bundle === '' ? undefined : caBundleProblem(bundle)
}

/** A definition that is established with a good bundle keeps a good one (apiextensions/validation, allowInvalidCABundle). */
function bundleErrors(object: Definition, old: Definition): FieldError[] {
  if (deepEqual(object.spec.conversion, old.spec.conversion)) return []
  if (!isConditionTrue(old.status?.conditions, 'Established') || bundleProblem(old) !== undefined) return []
  const problem = bundleProblem(object)
  const path = 'spec.conversion.webhookClientConfig.caBundle'
  return problem === undefined ? [] : [invalid(path, object.spec.conversion?.webhook?.clientConfig?.caBundle, problem)]
}

/** Who asks for a certificate is what authentication found out, not what the object says. */
import type { CertificateSigningRequest } from '@canopus/api/certificates/v1'
import type { KindHooks } from './kind-store.ts'

export const certificateSigningRequestHooks: KindHooks = {
  identify(object, user) {
    const { spec } = object as CertificateSigningRequest
    spec.username = user.name
    spec.groups = [...user.groups]
    if (user.uid) spec.uid = user.uid
    else delete spec.uid
    const extra = Object.entries(user.extra ?? {})
    if (extra.length > 0) spec.extra = Object.fromEntries(extra.map(([key, values]) => [key, [...values]]))
    else delete spec.extra
  },
}

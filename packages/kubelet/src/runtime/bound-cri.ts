import type { CallOptions, Cri } from '@canopus/cri'

/** The same client, whose calls all end when the signal aborts: a kubelet that is stopped does not wait for containers. */
export function bindCri(cri: Cri, signal: AbortSignal): Cri {
  type Call = (request?: unknown, options?: CallOptions) => Promise<unknown>
  const bound = new Map<string, Call>()
  return new Proxy(cri, {
    get(target, name: keyof Cri & string) {
      if (name === 'close') return target.close
      let call = bound.get(name)
      if (call === undefined) {
        const original = target[name] as Call
        call = (request, options = {}) =>
          original(request, { ...options, signal: options.signal ? AbortSignal.any([options.signal, signal]) : signal })
        bound.set(name, call)
      }
      return call
    },
  })
}

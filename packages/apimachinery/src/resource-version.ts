/** Which of two states of a resource came later (k8s.io/apimachinery/pkg/util/resourceversion, KEP-5504). */

/** What is wrong with a resourceVersion that is to be compared; nothing where it is a whole number above zero. */
export const resourceVersionProblem = (text: string): string | undefined =>
  /^[1-9][0-9]*$/.test(text) ? undefined : `resource version is not well formed: ${text}`

/**
 * Below zero where `one` came first, above where it came last. Only between versions of one resource that
 * `resourceVersionProblem` has nothing to say about; they may be longer than numbers can be.
 */
export function compareResourceVersions(one: string, other: string): number {
  if (one.length !== other.length) return one.length - other.length
  return one < other ? -1 : Number(one > other)
}

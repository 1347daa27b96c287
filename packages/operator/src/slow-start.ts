/** Many requests of a kind, carefully: 1, then 2, then 4 ..., and no more after a batch with a failure (slowStartBatch). */
export async function slowStart(
  count: number,
  request: (index: number) => Promise<void>,
): Promise<{ succeeded: number; error: unknown }> {
  let succeeded = 0
  for (let done = 0, size = 1; done < count; done += size, size *= 2) {
    const batch = Math.min(size, count - done)
    const results = await Promise.allSettled(Array.from({ length: batch }, (_, index) => request(done + index)))
    const failed = results.filter(result => result.status === 'rejected')
    succeeded += batch - failed.length
    if (failed.length > 0) return { succeeded, error: failed[0]!.reason }
  }
  return { succeeded, error: undefined }
}

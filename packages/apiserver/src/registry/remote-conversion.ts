/**
 * One version of a custom kind whose objects a webhook converts. The caches keep the stored bytes; whoever reads for a client
 * first brings object versions into this endpoint's version here, and from then on nobody has to wait: what comes out is an
 * object version like any other.
 */
import type { Kind } from '@canopus/api'
import { apiVersionOf, clone, decodeValue, type KubeObject } from '@canopus/apimachinery'
import { Change } from '../cache/change.ts'
import { ConvertedVersion, type ObjectVersion, stampedBytes } from '../cache/object-version.ts'
import type { Maybe } from '../security.ts'

type StoredAs = NonNullable<Kind['storedAs']>

/** How many objects are sent at once. */
const BATCH = 500

export class RemoteConversion {
  readonly #storedAs: StoredAs
  readonly #apiVersion: string
  /** What is known already, or under way. Goes with the object versions, and with the definition that says who converts. */
  readonly #known = new WeakMap<ObjectVersion, Maybe<ObjectVersion>>()
  readonly #changes = new WeakMap<Change, Maybe<Change>>()

  constructor(kind: Kind) {
    this.#storedAs = kind.storedAs!
    this.#apiVersion = apiVersionOf(kind.type)
  }

  /** The version in this endpoint's form. Rejects with StatusError 500 where it cannot be converted. */
  one(version: ObjectVersion): Maybe<ObjectVersion> {
    if (this.isOwn(version)) return version
    const known = this.#known.get(version)
    return known ?? this.ask([version])[0]!
  }

  /** The same for many, with as few calls as possible. */
  all(versions: readonly ObjectVersion[]): Maybe<readonly ObjectVersion[]> {
    const missing = versions.filter(each => !this.isOwn(each) && !this.#known.has(each))
    for (let at = 0; at < missing.length; at += BATCH) this.ask(missing.slice(at, at + BATCH))
    const result = versions.map(each => (this.isOwn(each) ? each : this.#known.get(each)!))
    return result.some(each => each instanceof Promise) ? Promise.all(result) : (result as ObjectVersion[])
  }

  /** A change as the watchers of this version see it. Removals show what was last seen, so they cost no call. */
  change(change: Change): Maybe<Change> {
    const known = this.#changes.get(change)
    if (known !== undefined) return known
    const { current, previous, removed, revision } = change
    const made = all([...(previous === undefined ? [] : [previous]), ...(removed ? [] : [current])], each =>
      this.one(each),
    )
    const put = (versions: readonly ObjectVersion[]): Change => {
      const before = previous === undefined ? undefined : versions[0]!
      const own = new Change(removed ? before!.atRevision(revision) : versions.at(-1)!, before, removed)
      this.#changes.set(change, own)
      return own
    }
    return made instanceof Promise ? made.then(put) : put(made)
  }

  /** An object of this version as it is to be stored, without what the stored version's schema does not know. */
  async toStored(object: KubeObject): Promise<KubeObject> {
    const { type, toStored, convert } = this.#storedAs
    const [stored] = await convert!([object], apiVersionOf(type))
    return toStored(stored!)
  }

  /** An object of this version as one of another kind of the same definition. */
  async convert(object: KubeObject, to: Kind): Promise<KubeObject> {
    const [converted] = await this.#storedAs.convert!([clone(object)], apiVersionOf(to.type))
    const decoded = decodeValue(to.custom!.schema, clone(converted)).object as unknown as KubeObject
    to.strategy.default?.(decoded)
    return decoded
  }

  private isOwn(version: ObjectVersion): boolean {
    return version instanceof ConvertedVersion || version.object.apiVersion === this.#apiVersion
  }

  private ask(versions: readonly ObjectVersion[]): Promise<ObjectVersion>[] {
    const answer = this.#storedAs.convert!(
      versions.map(each => each.object),
      this.#apiVersion,
    )
    return versions.map((version, index) => {
      const pending = answer.then(
        objects => {
          const object = this.#storedAs.fromStored(objects[index]!)
          const own = new ConvertedVersion(version, stampedBytes(object, version.revision))
          this.#known.set(version, own)
          return own
        },
        error => {
          // The next one who asks may have more luck.
          this.#known.delete(version)
          throw error
        },
      )
      // Whoever waits hears of the failure; where nobody does, it is nobody's.
      pending.catch(() => {})
      this.#known.set(version, pending)
      return pending
    })
  }
}

function all<T, R>(items: readonly T[], each: (item: T) => Maybe<R>): Maybe<readonly R[]> {
  const made = items.map(each)
  return made.some(one => one instanceof Promise) ? Promise.all(made) : (made as R[])
}

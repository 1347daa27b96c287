/** When an image is pulled where nobody says: `latest` always, all else if absent. */
export function pullPolicyOf(image: string): string {
  return tagOf(image) === 'latest' ? 'Always' : 'IfNotPresent'
}

const HOST = '[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?'
const PART = '[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*'
const ADDRESS = String.raw`(?:${HOST}(?:\.${HOST})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?`
const DIGEST = '[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}'
/** What the references of images look like (github.com/distribution/reference). */
const REFERENCE = new RegExp(
  `^(?:${ADDRESS}/)?${PART}(?:/${PART})*(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@${DIGEST})?$`,
)

const LONGEST_NAME = 255
const nameOf = (image: string): string => image.replace(/@.*$/, '').replace(/:[^/]*$/, '')

/** The tag of an image's name: `latest` where there is neither tag nor digest, empty where only a digest or what is no name. */
function tagOf(image: string): string {
  if (!REFERENCE.test(image)) return ''
  if (image.length > LONGEST_NAME && nameOf(image).length > LONGEST_NAME) return ''
  const at = image.indexOf('@')
  const name = at < 0 ? image : image.slice(0, at)
  const colon = name.lastIndexOf(':')
  if (colon > name.lastIndexOf('/')) return name.slice(colon + 1)
  return at < 0 ? 'latest' : ''
}

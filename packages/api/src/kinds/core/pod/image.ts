/** When an image is pulled where nobody says: `latest` always, all else if absent. */
export function pullPolicyOf(image: string): string {
  return tagOf(image) === 'latest' ? 'Always' : 'IfNotPresent'
}

/** The tag of an image's name: `latest` where there is neither tag nor digest, empty where only a digest or no name. */
function tagOf(image: string): string {
  if (image === '' || image !== image.trim()) return ''
  const at = image.indexOf('@')
  const name = at < 0 ? image : image.slice(0, at)
  const colon = name.lastIndexOf(':')
  if (colon > name.lastIndexOf('/')) return name.slice(colon + 1)
  return at < 0 ? 'latest' : ''
}

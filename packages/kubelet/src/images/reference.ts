const NAME =
  /^(?:[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?(?::[0-9]+)?\/)?[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/
const REFERENCE =
  /^(?<name>[^@]+?)(?::(?<tag>[A-Za-z0-9_][A-Za-z0-9._-]{0,127}))?(?:@(?<digest>[a-z0-9]+(?:[+._-][a-z0-9]+)*:[0-9a-fA-F]{32,}))?$/

/** The image with the tag `latest` where it has neither tag nor digest; nothing where it is no image reference. */
export function withDefaultTag(image: string): string | undefined {
  const match = REFERENCE.exec(image)
  const { name, tag, digest } = match?.groups ?? {}
  if (name === undefined || !NAME.test(name)) return undefined
  return tag === undefined && digest === undefined ? `${image}:latest` : image
}

/** The registry that an image comes from, as credentials name it. */
export function registryOf(image: string): string {
  const [first, ...rest] = image.split('/')
  const isHost = rest.length > 0 && (first!.includes('.') || first!.includes(':') || first === 'localhost')
  return isHost ? first! : 'docker.io'
}

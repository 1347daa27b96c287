import { join } from 'node:path'
import { withDebianPackages } from '../debian-packages.ts'

const PACKAGES = ['golang-k8s-api-dev', 'golang-k8s-apimachinery-dev', 'golang-k8s-apiextensions-apiserver-dev']

/** Fetches Kubernetes' API sources as Debian packages and calls `use` with the folder `k8s.io`. */
export function withDebianSources(use: (folder: string) => void): void {
  withDebianPackages(PACKAGES, root => use(join(root, 'usr/share/gocode/src/k8s.io')))
}

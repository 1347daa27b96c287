export { BUSYBOX_IMAGE, busyboxImage, whyNoBusybox } from './busybox.ts'
export { startContainerd, type TestContainerd, whyNoContainerd } from './containerd.ts'

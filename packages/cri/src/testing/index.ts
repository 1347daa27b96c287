export { BUSYBOX_IMAGE, busyboxImage, whyNoBusybox } from './busybox.ts'
export { mayLowerOomScore, startContainerd, type TestContainerd, whyNoContainerd } from './containerd.ts'

/** Names under which a pod's parts are known to the container runtime (upstream pkg/kubelet/types/labels.go). */
export const POD_NAME = 'io.kubernetes.pod.name'
export const POD_NAMESPACE = 'io.kubernetes.pod.namespace'
export const POD_UID = 'io.kubernetes.pod.uid'
export const CONTAINER_NAME = 'io.kubernetes.container.name'

/** Annotations on containers: what must be known of one after the kubelet lost its memory. */
export const CONTAINER_HASH = 'io.kubernetes.container.hash'
export const RESTART_COUNT = 'io.kubernetes.container.restartCount'
export const TERMINATION_MESSAGE_PATH = 'io.kubernetes.container.terminationMessagePath'
export const TERMINATION_MESSAGE_POLICY = 'io.kubernetes.container.terminationMessagePolicy'
export const GRACE_PERIOD = 'io.kubernetes.pod.terminationGracePeriod'
export const PRE_STOP = 'io.kubernetes.container.preStopHandler'
/** Our own: in bytes. The runtime does not know of requests for memory, and upstream notes them in a file of its own. */
export const MEMORY_REQUEST = 'canopus.container.memoryRequest'

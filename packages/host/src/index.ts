// What a client or operator needs of a Node process: kubeconfig, credentials, TLS transport
export {}

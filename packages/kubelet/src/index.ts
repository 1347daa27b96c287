// Makes this machine match its pods
export {}

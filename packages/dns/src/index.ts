// Answers cluster DNS from Services and EndpointSlices
export {}

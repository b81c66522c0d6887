package schema

// JetProxy is the part of a JetProxy configuration that has a counterpart in
// endpoints and deployments, as written.
type JetProxy struct {
	Proxies  []JetProxyRoute
	Services []JetProxyService
	Others   []Value[string] // keys without a counterpart here, such as "proxies[0].middleware.rateLimiter", in order
}

// JetProxyRoute is a proxy of JetProxy: a path prefix and the service behind it.
type JetProxyRoute struct {
	Pos       Position
	Path      Value[string]
	Service   Value[string]
	Mirroring *JetProxyMirroring // nil: none is written
}

// JetProxyMirroring says which service gets copies of a proxy's requests.
type JetProxyMirroring struct {
	Enabled bool // false where not written, as there
	Service Value[string]
	Percent Value[int] // 1 to 100
}

// JetProxyService is a service of JetProxy: a URL, and the methods that it takes.
type JetProxyService struct {
	Name    Value[string]
	URL     Value[string]
	Methods []Value[string] // upper case; empty: any
}

package migrate

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/switchyard-gateway/switchyard/schema"
)

// JetProxy turns the proxies of a JetProxy configuration into endpoints, and its
// services into deployments, on the branch that is to hold both. The URLs stay:
// each endpoint serves its proxy's path.
//
// Who is mirrored is not the same set of users: JetProxy's hash takes the same
// users for every proxy, and some at every percentage; here each mirror samples
// by a salted hash of its own.
func JetProxy(c *schema.JetProxy, branch string) Result {
	m := jetProxy{branch: branch, taken: map[string]bool{}}
	for _, s := range c.Services {
		m.add("deployments/"+s.Name.V+".yaml", deploymentOf(s))
	}
	for _, p := range c.Proxies {
		m.proxy(p)
	}
	m.overlaps(c.Proxies)
	for _, key := range c.Others {
		m.note(key.Pos, "%s is not carried over; %s", key.V, insteadOf(key.V))
	}
	slices.SortFunc(m.Files, func(a, b File) int { return cmp.Compare(a.Path, b.Path) })
	slices.SortStableFunc(m.Notes, func(a, b Note) int { return a.Compare(b.Position) })
	return m.Result
}

// jetProxy is a configuration on its way.
type jetProxy struct {
	Result
	branch string
	taken  map[string]bool // names of endpoints
}

func (m *jetProxy) add(path, text string) {
	m.Files = append(m.Files, File{Path: path, Text: text})
}

func (m *jetProxy) note(at schema.Position, format string, args ...any) {
	m.Notes = append(m.Notes, Note{at, fmt.Sprintf(format, args...)})
}

// deploymentOf is a service as a deployment of one version.
func deploymentOf(s schema.JetProxyService) string {
	methods := ""
	if len(s.Methods) > 0 {
		names := make([]string, len(s.Methods))
		for i, method := range s.Methods {
			names[i] = scalar(method.V)
		}
		methods = ", methods: [" + strings.Join(names, ", ") + "]"
	}
	return fmt.Sprintf("# The service %s of JetProxy.\nschemaVersion: 1\nversions:\n  1: {url: %q%s}\n", s.Name.V, s.URL.V, methods)
}

// proxy makes the endpoint of a proxy.
func (m *jetProxy) proxy(p schema.JetProxyRoute) {
	var b strings.Builder
	fmt.Fprintf(&b, "# The proxy %s of JetProxy.\nschemaVersion: 1\npath: %s\nbackends:\n  %s:\n    %s\n",
		p.Path.V, p.Path.V, scalar(p.Service.V), m.reference(p.Service.V))
	if p.Mirroring != nil {
		m.mirror(&b, p)
	}
	m.add("endpoints/"+m.name(p)+".yaml", b.String())
}

func (m *jetProxy) reference(service string) string {
	return fmt.Sprintf("deployment: {branch: %s, name: %s, version: latest}", scalar(m.branch), scalar(service))
}

// mirror writes the mirror of a proxy. Sampling by x-user-id, and else by the
// session's cookie, is what an endpoint does that does not say otherwise.
func (m *jetProxy) mirror(b *strings.Builder, p schema.JetProxyRoute) {
	name := p.Mirroring.Service.V
	if name == p.Service.V {
		name = "mirror_of_" + name
		m.note(p.Mirroring.Service.Pos, "%s is mirrored to itself; the mirror is called %s, as no name can stand for a backend and a mirror", p.Path.V, name)
	}
	fmt.Fprintf(b, "mirrors:\n  %s:\n    %s\n", scalar(name), m.reference(p.Mirroring.Service.V))
	if percent := p.Mirroring.Percent.V; percent < 100 {
		fmt.Fprintf(b, "    percent: %d\n", percent)
	}
	if !p.Mirroring.Enabled {
		b.WriteString("    enabled: false\n")
	}
}

var (
	// plain is a text that no version of YAML takes for anything else.
	plain = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_./-]*$`)
	// words are plain, and yet some versions take them for something else.
	words = regexp.MustCompile(`^(?i:null|true|false|yes|no|on|off|y|n)$`)
)

// scalar is a text as YAML, quoted where it must be.
func scalar(s string) string {
	if plain.MatchString(s) && !words.MatchString(s) {
		return s
	}
	return strconv.Quote(s)
}

// notInNames is what the name of an endpoint cannot hold.
var notInNames = regexp.MustCompile(`[^a-z0-9_]+`)

// name is a name for the endpoint of a proxy, after its path, that no other has.
func (m *jetProxy) name(p schema.JetProxyRoute) string {
	base := strings.Trim(notInNames.ReplaceAllString(strings.ToLower(p.Path.V), "_"), "_")
	base = cmp.Or(base, "endpoint")
	name := base
	for n := 2; m.taken[name]; n++ {
		name = fmt.Sprintf("%s_%d", base, n)
	}
	m.taken[name] = true
	return name
}

// overlaps notes paths of which one lies under another: JetProxy takes the longest
// that fits, endpoints do not take any.
func (m *jetProxy) overlaps(proxies []schema.JetProxyRoute) {
	for i, p := range proxies {
		for _, other := range proxies[:i] {
			if schema.PathsOverlap(p.Path.V, other.Path.V) {
				m.note(p.Path.Pos, "the path %s overlaps %s, which is an error here; give one of them another path, or call it by /v1/NAME", p.Path.V, other.Path.V)
			}
		}
	}
}

// instead says what stands in place of a key of JetProxy that is not carried over,
// by the last name of the key.
var instead = map[string]string{
	"port":             "the address of the public listener is the setting listen",
	"rootPath":         "each endpoint has a path of its own",
	"appName":          "records and metrics name the endpoint",
	"defaultTimeout":   "write timeout on the endpoints",
	"timeout":          "write timeout on the endpoint",
	"dashboard":        "the console and /status of the admin listener show what serves",
	"healthcheck":      "write health on the deployment; /healthz and /readyz are the gateway's own",
	"rateLimiter":      "write rateLimit on the endpoint or on an API key",
	"rateLimit":        "write rateLimit on the endpoint or on an API key",
	"circuitBreaker":   "write breaker on the deployment; every mirror has one",
	"retry":            "write retries on the deployment",
	"bulkhead":         "write maxConcurrent on the deployment, or maxInFlight on the endpoint",
	"basicAuth":        "callers show an API key or a token; see access of the endpoint",
	"forwardAuth":      "callers show an API key or a token; see access of the endpoint",
	"jwtAuthSource":    "tokens are checked by the setting tokenIssuer",
	"users":            "switchyard key create makes an API key for each caller",
	"header":           "write headers on the deployment",
	"headers":          "write headers on the deployment",
	"requestHeaders":   "write headers on the deployment",
	"responseHeaders":  "answers are passed on as they are",
	"cors":             "write cors on the endpoint",
	"corsFilter":       "write cors on the endpoint",
	"matches":          "no rule chooses a service; write an endpoint for each, or assign callers by a header",
	"rule":             "no rule refuses a request but methods of the deployment",
	"ttl":              "answers are not cached",
	"storage":          "answers are not cached",
	"grpcServices":     "gRPC clients call an endpoint whose deployment says protocol: h2c; nothing is translated to gRPC",
	"accessLog":        "every attempt has a record",
	"logging":          "records are logged as they are; see the settings of the log",
	"debugMode":        "the setting logLevel is debug",
	"maxThreads":       "there is no thread for each request",
	"minThreads":       "there is no thread for each request",
	"gracefulShutdown": "the setting gracePeriod bounds the end",
}

func insteadOf(key string) string {
	last := key[strings.LastIndexByte(key, '.')+1:]
	return cmp.Or(instead[last], "there is nothing like it here")
}

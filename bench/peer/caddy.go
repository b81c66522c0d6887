package peer

import (
	"fmt"
	"strings"
)

// caddyfile is Caddy's way: a handle block for each kind of endpoint, a map for
// the numbered ones, which is some hundred times faster than blocks. Its split is
// by weighted round robin, because its policies by header take no weights. It has
// no mirrors of its own.
func caddyfile(s Site) string {
	var b strings.Builder
	fmt.Fprintf(&b, `{
	admin 127.0.0.1:%[2]d
	auto_https off
	persist_config off
	grace_period 2s
	log {
		output file %[1]s/error.log
		level ERROR
		exclude http.log.access
	}
}
http://127.0.0.1:%[3]d {
	bind 127.0.0.1
	log {
		output file %[1]s/access.log {
			roll_disabled
		}
		level INFO
	}
`, s.Dir, s.Admin, s.Port)
	fmt.Fprintf(&b, "\thandle %s {\n%s\t}\n", Plain, caddyProxy("", s.address(A)))
	fmt.Fprintf(&b, "\thandle %s {\n%s\t}\n", Split, caddyProxy("\t\t\tlb_policy weighted_round_robin 9 1\n", s.address(A), s.address(B)))
	if s.Endpoints > 0 {
		fmt.Fprintf(&b, "\thandle %s* {\n\t\tmap {path} {to} {\n", Numbered)
		for path, to := range s.numbered {
			fmt.Fprintf(&b, "\t\t\t%s %s\n", path, s.address(to))
		}
		fmt.Fprintf(&b, "\t\t}\n%s\t}\n", caddyProxy("", "{to}"))
	}
	b.WriteString("}\n")
	return b.String()
}

func caddyProxy(more string, to ...string) string {
	return "\t\treverse_proxy " + strings.Join(to, " ") + ` {
			transport http {
				keepalive_idle_conns_per_host 1024
				compression off
			}
			header_up X-Request-Id {http.request.uuid}
` + more + "\t\t}\n"
}

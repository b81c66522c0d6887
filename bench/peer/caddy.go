package peer

import (
	"fmt"
	"strings"
)

// caddyfile is Caddy's way: one handle block for each endpoint. Its split is by
// weighted round robin, because its policies by header take no weights. It has
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
	handle := func(path, more string, to ...string) {
		fmt.Fprintf(&b, "\thandle %s {\n\t\treverse_proxy %s {\n\t\t\ttransport http {\n\t\t\t\tkeepalive_idle_conns_per_host 1024\n"+
			"\t\t\t\tcompression off\n\t\t\t}\n\t\t\theader_up X-Request-Id {http.request.uuid}\n%s\t\t}\n\t}\n", path, strings.Join(to, " "), more)
	}
	handle(Plain, "", s.address(A))
	handle(Split, "\t\t\tlb_policy weighted_round_robin 9 1\n", s.address(A), s.address(B))
	for path, to := range s.numbered {
		handle(path, "", s.address(to))
	}
	b.WriteString("}\n")
	return b.String()
}

package peer

import (
	"fmt"
	"strings"
)

// haproxyConfig is HAProxy's way: endpoints in a map file, the split by hashing
// the user. It has no mirrors of its own.
func haproxyConfig(s Site) string {
	return fmt.Sprintf(`global
  nbthread %[1]d
  maxconn 9000
  tune.bufsize 16384
  log stdout format raw daemon info
defaults
  mode http
  log global
  log-format '{"ts":%%Ts,"ms":%%ms,"id":"%%ID","method":"%%HM","path":"%%HP","status":%%ST,"in":%%U,"out":%%B,"dur":%%Ta,"remote":"%%ci","backend":"%%b","server":"%%s"}'
  timeout connect 2s
  timeout client 60s
  timeout server 60s
  option http-keep-alive
  option http-no-delay
  http-reuse always
  option forwardfor
frontend f
  bind 127.0.0.1:%[2]d backlog 4096
  unique-id-format %%{+X}o\ %%ci:%%cp_%%Ts_%%rt:%%pid
  unique-id-header X-Request-Id
  use_backend %%[path,map_str(%[3]s/endpoints.map,nothing)]
backend nothing
  http-request deny deny_status 404
backend A
  server A %[4]s
backend B
  server B %[5]s
backend split
  balance hdr(x-user-id)
  server A %[4]s weight 90
  server B %[5]s weight 10
`, s.Workers, s.Port, s.Dir, s.address(A), s.address(B))
}

func haproxyMap(s Site) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s A\n%s split\n", Plain, Split)
	for path, to := range s.numbered {
		fmt.Fprintf(&b, "%s %s\n", path, to)
	}
	return b.String()
}

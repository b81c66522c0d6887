package peer

import (
	"fmt"
	"strings"
)

// nginxConfig is nginx's way: one location for each endpoint, the mirror module
// for mirrors, split_clients by the user for the split. Buffers hold the largest
// body, so that none goes to a file.
func nginxConfig(s Site, root bool) string {
	var b strings.Builder
	if root {
		b.WriteString("user root;\n") // the log and the folders are the caller's
	}
	fmt.Fprintf(&b, `daemon off;
worker_processes %[2]d;
worker_rlimit_nofile 20000;
pid %[1]s/nginx.pid;
error_log %[1]s/error.log crit;
events { worker_connections 20000; multi_accept on; }
http {
  log_format j escape=json '{"ts":"$msec","id":"$request_id","method":"$request_method","path":"$uri","status":$status,'
    '"in":$request_length,"out":$bytes_sent,"dur":$request_time,"remote":"$remote_addr","user":"$http_x_user_id","to":"$upstream_addr"}';
  access_log %[1]s/access.log j buffer=64k flush=1s;
  log_subrequest on;
  client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy; fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s;
  client_max_body_size 64m; client_body_buffer_size 1100k;
  keepalive_requests 100000000; keepalive_timeout 75s; tcp_nodelay on;
  proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host;
  proxy_set_header X-Forwarded-For $remote_addr; proxy_set_header X-Request-Id $request_id;
  proxy_buffering on; proxy_buffer_size 8k;
  split_clients "$http_x_user_id" $side { 90%% A; * B; }
`, s.Dir, s.Workers)
	for _, d := range append([]string{A, B}, mirrors()...) {
		fmt.Fprintf(&b, "  upstream %s { server %s; keepalive 512; keepalive_requests 100000000; }\n", d, s.address(d))
	}
	fmt.Fprintf(&b, "  server {\n    listen 127.0.0.1:%d backlog=4096;\n", s.Port)
	fmt.Fprintf(&b, "    location = %s { proxy_pass http://A; }\n    location = %s { proxy_pass http://$side; }\n", Plain, Split)
	for _, m := range mirrors() {
		fmt.Fprintf(&b, "    location = %s { mirror /copy%s; mirror_request_body on; proxy_pass http://A; }\n", Mirrored(m), m)
		fmt.Fprintf(&b, "    location = /copy%s { internal; proxy_pass http://%s$request_uri; }\n", m, m)
	}
	for path, to := range s.numbered {
		fmt.Fprintf(&b, "    location = %s { proxy_pass http://%s; }\n", path, to)
	}
	b.WriteString("  }\n}\n")
	return b.String()
}

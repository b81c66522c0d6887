package forward_test

import (
	"net/http"
	"net/netip"
	"testing"

	"github.com/switchyard-gateway/switchyard/gateway/forward"
)

// The caller is the last one that a proxy tells of whom nobody trusts.
func TestTheCallerIsWhomAProxyTells(t *testing.T) {
	proxies := forward.Proxies{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8:1::/64")}
	for _, c := range []struct {
		peer string
		told []string
		want string
	}{
		{"192.0.2.1:80", nil, "192.0.2.1"},
		{"192.0.2.1:80", []string{"6.6.6.6"}, "192.0.2.1"},
		{"10.0.0.1:80", nil, "10.0.0.1"},
		{"10.0.0.1:80", []string{""}, "10.0.0.1"},
		{"10.0.0.1:80", []string{"192.0.2.1"}, "192.0.2.1"},
		{"10.0.0.1:80", []string{"6.6.6.6, 192.0.2.1"}, "192.0.2.1"},
		{"10.0.0.1:80", []string{"6.6.6.6", "192.0.2.1 , 10.0.0.2"}, "192.0.2.1"},
		{"10.0.0.1:80", []string{"10.0.0.3,10.0.0.2"}, "10.0.0.3"},
		{"10.0.0.1:80", []string{"192.0.2.1:4711"}, "192.0.2.1"},
		{"10.0.0.1:80", []string{"192.0.2.1, unknown"}, "10.0.0.1"},
		{"10.0.0.1:80", []string{"192.0.2.1, unknown, 10.0.0.2"}, "10.0.0.2"},
		{"[::ffff:10.0.0.1]:80", []string{"::ffff:192.0.2.1"}, "192.0.2.1"},
		{"[2001:db8:1::7]:80", []string{"[2001:db8::1]:4711"}, "2001:db8::1"},
		{"[fe80::1%eth0]:80", []string{"192.0.2.1"}, "fe80::1"},
		{"@", []string{"192.0.2.1"}, "invalid IP"},
		{"", nil, "invalid IP"},
	} {
		r := &http.Request{RemoteAddr: c.peer, Header: http.Header{"X-Forwarded-For": c.told}}
		if got := proxies.Caller(r).String(); got != c.want {
			t.Errorf("%s tells of %q: %s instead of %s", c.peer, c.told, got, c.want)
		}
		if got := forward.Proxies(nil).Caller(r); c.peer != "@" && c.peer != "" && got != netip.MustParseAddrPort(c.peer).Addr().Unmap().WithZone("") {
			t.Errorf("%s tells of %q to who trusts nobody: %s", c.peer, c.told, got)
		}
	}
}

package forward

import (
	"net/http"
	"net/netip"
	"net/textproto"
	"slices"
	"strings"
)

// Proxies are the networks of the proxies in front, whose word is taken for who calls.
type Proxies []netip.Prefix

// Caller is the address that a request comes from: the peer of the connection, or if
// that is one of the proxies, the last address of X-Forwarded-For that is none of them.
// What stands before that anybody may have written. Of a peer without an IP address, as
// on a Unix socket, it is the zero Addr.
func (p Proxies) Caller(r *http.Request) netip.Addr {
	caller := peerAddr(r.RemoteAddr)
	told := strings.Split(strings.Join(r.Header[fieldForwardedFor], ","), ",")
	for _, before := range slices.Backward(told) {
		addr := toldAddr(textproto.TrimString(before))
		if !p.contain(caller) || !addr.IsValid() {
			break
		}
		caller = addr
	}
	return caller
}

// trust reports whether the peer of a connection is one of the proxies.
func (p Proxies) trust(remote string) bool { return len(p) > 0 && p.contain(peerAddr(remote)) }

// peerAddr is the address in a request's RemoteAddr; the zero Addr if there is none.
func peerAddr(remote string) netip.Addr {
	peer, _ := netip.ParseAddrPort(remote)
	return peer.Addr().Unmap().WithZone("")
}

// toldAddr is an address in a field, which some proxies write with the port; the zero
// Addr if it is none.
func toldAddr(text string) netip.Addr {
	addr, err := netip.ParseAddr(text)
	if err != nil {
		return peerAddr(text)
	}
	return addr.Unmap().WithZone("")
}

func (p Proxies) contain(addr netip.Addr) bool {
	for _, network := range p {
		if network.Contains(addr) {
			return true
		}
	}
	return false
}

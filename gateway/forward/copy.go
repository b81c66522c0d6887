package forward

import (
	"net/http"
	"slices"
	"strings"
)

// MirrorMark is the header field that marks a copy with its mirror's name. A
// request that bears it is a copy already, of this gateway or of one before it.
const MirrorMark = "X-Switchyard-Mirror"

// AppendCopyFields appends to dst the header for a copy of r, one line for each
// value, with its CRLF: that of a live request (see the package's description),
// but without Expect, Upgrade and what else concerns the caller's connection
// only. Own fields, as of a deployment's version, stand instead of others of
// their name, but for Host, and rules change the caller's further. MirrorMark is
// for own fields to set. It must be called before
// Serve, which adds the live deployment's secrets to r.Header, and after
// RequestID, so that copy and live request bear the same identity. A trace that is
// not empty is the copy's traceparent; else it is that of the request.
func (f *Forwarder) AppendCopyFields(dst []byte, r *http.Request, own http.Header, rules *Rules, trace string) []byte {
	c := copied{dst: dst, own: own}
	trusted := f.trusted.trust(r.RemoteAddr)
	nominated := r.Header[fieldConnection]
	for key, values := range r.Header {
		switch {
		case hopByHop(key), framing(key), forged(key, trusted), key == "Expect", key == fieldForwardedFor:
		case len(nominated) > 0 && !ours(key) && hasToken(nominated, key):
		case rules.Drops(key):
		case key == fieldTrace && trace != "":
			c.add(key, trace)
		default:
			c.add(hiddenKey(key, r.Method), values...)
		}
	}
	if acceptsTrailers(r.Header) {
		c.add("Te", teTrailers...)
	}
	c.addForwarded(r, trusted)
	for key, values := range own {
		if !framing(key) {
			c.lines(key, values)
		}
	}
	if rules != nil {
		for key, values := range rules.added {
			c.lines(key, values)
		}
	}
	return c.dst
}

// copied is the header of a copy as it is written.
type copied struct {
	dst []byte
	own http.Header
}

func (c *copied) add(key string, values ...string) {
	if _, own := c.own[key]; !own {
		c.lines(key, values)
	}
}

func (c *copied) lines(key string, values []string) {
	for _, v := range values {
		c.dst = append(append(append(append(c.dst, key...), ": "...), v...), "\r\n"...)
	}
}

// addForwarded is setForwarded.
func (c *copied) addForwarded(r *http.Request, trusted bool) {
	var before []string
	if trusted {
		before = r.Header[fieldForwardedFor]
	}
	if peer := peerHost(r.RemoteAddr); peer != "" {
		before = append(slices.Clip(before), peer)
	}
	if len(before) > 0 {
		c.add(fieldForwardedFor, strings.Join(before, ", "))
	}
	if !trusted || r.Header[fieldForwardedHost] == nil {
		c.add(fieldForwardedHost, r.Host)
	}
	if !trusted || r.Header[fieldForwardedProto] == nil {
		c.add(fieldForwardedProto, protoOf(r))
	}
}

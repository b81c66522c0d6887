package forward

import (
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"net/http"
	"strings"
)

const (
	maxRequestID = 128
	idLen        = 32 // of an id that is made: 16 random bytes in hexadecimal
	traceLen     = 55 // of a traceparent of version 00
)

// RequestID gives a request its identity and returns its id: the caller's
// X-Request-Id if that is one value of 1 to 128 visible ASCII characters, else 16
// random bytes in hexadecimal. Both the id and a traceparent (W3C Trace Context)
// are set in r.Header in place; the caller's trace is continued if its
// traceparent is valid, else a new one begins, whose trace-id is the id if that
// was made too. Live request and copies bear the same parent-id, the gateway's:
// they are two doings of one caller.
//
// It is called once for a request, before AppendCopyFields and Serve. It is not meant
// to be secret or unguessable.
func RequestID(r *http.Request) string { return new(Identity).Of(r) }

// Identity is room for what RequestID makes, for who has such room to spare. It
// must not be used again while the request's header is.
type Identity struct {
	values [2]string
	caller string // the traceparent that is continued; empty: the trace begins here
}

// Values is the id that Of returned, for a header; it lies in i.
func (i *Identity) Values() []string { return i.values[0:1:1] }

// Of does what RequestID does.
func (i *Identity) Of(r *http.Request) string {
	h := r.Header
	known := len(h[fieldRequestID]) == 1 && validID(h[fieldRequestID][0])
	continued := len(h[fieldTrace]) == 1 && validTrace(h[fieldTrace][0])
	var made [idLen + traceLen]byte
	id, trace := made[:idLen], made[idLen:]
	putRandom(id)
	i.caller = ""
	if continued {
		i.caller = h[fieldTrace][0]
		continueTrace(trace, i.caller)
	} else {
		delete(h, fieldTraceState) // it belongs to the traceparent that we ignored
		beginTrace(trace, id)
	}
	if known {
		i.values[0], i.values[1] = h[fieldRequestID][0], string(trace)
	} else {
		both := string(made[:])
		i.values[0], i.values[1] = both[:idLen], both[idLen:]
		h[fieldRequestID] = i.values[0:1:1]
	}
	h[fieldTrace] = i.values[1:2:2]
	return i.values[0]
}

func validID(id string) bool {
	if id == "" || len(id) > maxRequestID {
		return false
	}
	for i := range len(id) {
		if id[i] <= ' ' || id[i] > '~' {
			return false
		}
	}
	return true
}

// putRandom fills dst with hexadecimal digits, not all of them 0.
func putRandom(dst []byte) {
	var b [8]byte
	for i := 0; i < len(dst); i += 16 {
		n := rand.Uint64()
		for n == 0 {
			n = rand.Uint64()
		}
		binary.BigEndian.PutUint64(b[:], n)
		hex.Encode(dst[i:], b[:])
	}
}

// beginTrace writes a traceparent of a trace that begins here. It is marked as
// sampled: we do not decide about sampling, and deployments that heed the parent
// by default would otherwise record nothing.
func beginTrace(dst, id []byte) {
	copy(dst, "00-")
	copy(dst[3:], id)
	dst[35] = '-'
	putRandom(dst[36:52])
	copy(dst[52:], "-01")
}

// continueTrace writes the traceparent of a child of parent. The flags are those
// of version 00, of which bit 0 means sampled and bit 1 a random trace-id; a
// higher version is answered in ours, as the standard has it.
func continueTrace(dst []byte, parent string) {
	copy(dst, "00-")
	copy(dst[3:36], parent[3:36])
	putRandom(dst[36:52])
	copy(dst[52:], "-0")
	flags := unhex(parent[54]) & 1
	if strings.HasPrefix(parent, "00") {
		flags = unhex(parent[54]) & 3
	}
	dst[54] = '0' + flags
}

// validTrace checks a traceparent (W3C Trace Context 3.2.2).
func validTrace(s string) bool {
	if len(s) < traceLen || s[2] != '-' || s[35] != '-' || s[52] != '-' {
		return false
	}
	switch version := s[:2]; {
	case !isHex(version) || version == "ff":
		return false
	case version == "00" && len(s) != traceLen:
		return false
	case len(s) > traceLen && s[traceLen] != '-':
		return false
	}
	trace, parent := s[3:35], s[36:52]
	return isHex(trace) && isHex(parent) && isHex(s[53:55]) &&
		strings.Trim(trace, "0") != "" && strings.Trim(parent, "0") != ""
}

// isHex accepts lower case only, as the standard does.
func isHex(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// unhex is the value of a hexadecimal digit, 0xff if it is none.
func unhex(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10
	}
	return 0xff
}

package upstream_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/switchyard-gateway/switchyard/gateway/upstream"
)

func TestMalformedAnswersAreRefused(t *testing.T) {
	const ok = "HTTP/1.1 200 OK\r\n"
	tests := map[string]string{
		"not http":                "SSH-2.0-OpenSSH\r\n\r\n",
		"empty line first":        "\r\n" + ok + "\r\n",
		"http/2":                  "HTTP/2.0 200 OK\r\n\r\n",
		"http/1.2":                "HTTP/1.2 200 OK\r\n\r\n",
		"lower-case http":         "http/1.1 200 OK\r\n\r\n",
		"two spaces":              "HTTP/1.1  200 OK\r\n\r\n",
		"status of two digits":    "HTTP/1.1 20 OK\r\n\r\n",
		"status of four digits":   "HTTP/1.1 2000 OK\r\n\r\n",
		"status 099":              "HTTP/1.1 099 OK\r\n\r\n",
		"status +20":              "HTTP/1.1 +20 OK\r\n\r\n",
		"unasked 101":             "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n",
		"nul in the reason":       "HTTP/1.1 200 O\x00K\r\n\r\n",
		"bare lf":                 "HTTP/1.1 200 OK\nContent-Length: 0\n\n",
		"bare lf in the middle":   ok + "A: b\nContent-Length: 0\r\n\r\n",
		"bare cr":                 ok + "A: b\rContent-Length: 0\r\n\r\n",
		"nul in a value":          ok + "A: b\x00\r\n\r\n",
		"obs-fold":                ok + "A: b\r\n c\r\n\r\n",
		"fold first":              ok + " A: b\r\n\r\n",
		"space before the colon":  ok + "Content-Length : 0\r\n\r\n",
		"no colon":                ok + "Content-Length\r\n\r\n",
		"no name":                 ok + ": b\r\n\r\n",
		"space in a name":         ok + "A B: c\r\n\r\n",
		"two lengths":             ok + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
		"list of lengths":         ok + "Content-Length: 2, 2\r\n\r\nab",
		"negative length":         ok + "Content-Length: -1\r\n\r\n",
		"length with plus":        ok + "Content-Length: +1\r\n\r\na",
		"hexadecimal length":      ok + "Content-Length: 0x1\r\n\r\na",
		"length with underscore":  ok + "Content-Length: 1_0\r\n\r\n0123456789",
		"empty length":            ok + "Content-Length:\r\n\r\n",
		"huge length":             ok + "Content-Length: 9223372036854775808\r\n\r\n",
		"length and chunked":      ok + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"gzip, chunked":           ok + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
		"identity":                ok + "Transfer-Encoding: identity\r\n\r\n",
		"chunked twice":           ok + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"chunked in 1.0":          "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"chunked 204":             "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"framing trailer":         ok + "Transfer-Encoding: chunked\r\nTrailer: Content-Length\r\n\r\n0\r\n\r\n",
		"head too large":          ok + "A: " + strings.Repeat("a", 70<<10) + "\r\n\r\n",
		"endless line":            strings.Repeat("a", 70<<10),
		"too many fields":         ok + strings.Repeat("A:b\r\n", 1001) + "\r\n",
		"endless interim answers": strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 1000),
	}
	for name, text := range tests {
		t.Run(name, func(t *testing.T) {
			rep := newReplica(t, once(text))
			p := newPool(t, rep.addr, upstream.Options{})
			_, _, err := ask(p, post(t, rep.addr, "{}"))
			wantKind(t, err, upstream.KindMalformed)
			if s := p.Stats(); s.Open != 0 {
				t.Errorf("%+v: the connection was kept", s)
			}
		})
	}
}

func TestMalformedChunksAreRefused(t *testing.T) {
	tests := map[string]string{
		"no digits":               "\r\n\r\n",
		"not hexadecimal":         "5g\r\nhello\r\n0\r\n\r\n",
		"prefix":                  "0x5\r\nhello\r\n0\r\n\r\n",
		"sign":                    "+5\r\nhello\r\n0\r\n\r\n",
		"leading space":           " 5\r\nhello\r\n0\r\n\r\n",
		"trailing space":          "5 \r\nhello\r\n0\r\n\r\n",
		"seventeen digits":        "00000000000000005\r\nhello\r\n0\r\n\r\n",
		"bare lf after size":      "5\nhello\r\n0\r\n\r\n",
		"cr in the extension":     "5;a=\rb\r\nhello\r\n0\r\n\r\n",
		"long extension":          "5;" + strings.Repeat("a", 600) + "\r\nhello\r\n0\r\n\r\n",
		"endless extension":       "5;" + strings.Repeat("a", 6000),
		"data longer than size":   "4\r\nhello\r\n0\r\n\r\n",
		"bare lf after data":      "5\r\nhello\n0\r\n\r\n",
		"trailer without colon":   "0\r\nabc\r\n\r\n",
		"content-length trailer":  "0\r\nContent-Length: 3\r\n\r\n",
		"trailer with bare lf":    "0\r\nA: b\n\r\n",
		"trailers too large":      "0\r\nA: " + strings.Repeat("b", 70<<10) + "\r\n\r\n",
		"folded trailer":          "0\r\nA: b\r\n c\r\n\r\n",
		"transfer-encoding after": "0\r\ntransfer-encoding: chunked\r\n\r\n",
	}
	for name, text := range tests {
		t.Run(name, func(t *testing.T) {
			rep := newReplica(t, once("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"+text))
			_, _, err := ask(newPool(t, rep.addr, upstream.Options{}), post(t, rep.addr, "{}"))
			wantKind(t, err, upstream.KindMalformed)
		})
	}
}

// H7: an answer that stops early is an error at every byte where it may stop, with a length and chunked, by FIN and by RST.
func TestH07TruncatedAnswerIsAnError(t *testing.T) {
	for _, text := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nhello world",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;a\r\n world\r\n0\r\nA: b\r\n\r\n",
	} {
		for n := range len(text) {
			rep := newReplica(t, func(_ int, c net.Conn, r *bufio.Reader) {
				if readRequest(r) == nil {
					_, _ = io.WriteString(c, text[:n])
					if n%2 == 1 {
						_ = c.(*net.TCPConn).SetLinger(0)
					}
				}
			})
			p := newPool(t, rep.addr, upstream.Options{})
			_, _, err := ask(p, post(t, rep.addr, "{}"))
			wantKind(t, err, upstream.KindReset)
			if n%2 == 0 && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("after %d bytes: %v is not io.ErrUnexpectedEOF", n, err)
			}
			if s := p.Stats(); s.Open != 0 {
				t.Errorf("after %d bytes: %+v", n, s)
			}
		}
	}
}

package forward_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/netip"
	"net/textproto"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/switchyard-gateway/switchyard/gateway/forward"
)

// seen is what a deployment was sent.
type seen struct {
	Host    string
	Header  http.Header
	Trailer http.Header
}

// recorder is a deployment that tells what it was sent.
func recorder(t testing.TB) (url string, requests chan seen) {
	requests = make(chan seen, 100)
	return deployment(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		requests <- seen{Host: r.Host, Header: r.Header, Trailer: r.Trailer}
	}), requests
}

// send writes a request as it stands, and reads the answer.
func (g *gateway) send(t testing.TB, raw string) *http.Response {
	t.Helper()
	c := g.dial(t)
	if _, err := io.WriteString(c, raw); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatalf("no answer to %q: %v", raw, err)
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("answer to %q: %v", raw, err)
	}
	res.Body.Close()
	res.Body = io.NopCloser(strings.NewReader(string(body)))
	return res
}

func TestH01ForwardedFieldsAreRebuilt(t *testing.T) {
	const spoofed = "X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Host: evil\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Port: 99\r\n" +
		"X_Forwarded_For: 6.6.6.6\r\nx-forwarded_for: 6.6.6.6\r\nForwarded: for=6.6.6.6\r\nX-Real-Ip: 6.6.6.6\r\n" +
		"X-Switchyard-Backend: b\r\nX_Switchyard_Mirror: m\r\nX_Request_Id: spoofed\r\n"
	loopback := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	for _, c := range []struct {
		name    string
		trusted []netip.Prefix
		want    http.Header
	}{
		{"from anybody", nil, http.Header{
			"X-Forwarded-For": {"127.0.0.1"}, "X-Forwarded-Host": {"gateway.example"}, "X-Forwarded-Proto": {"http"},
		}},
		{"from a stranger, where others are trusted", []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, http.Header{
			"X-Forwarded-For": {"127.0.0.1"}, "X-Forwarded-Host": {"gateway.example"}, "X-Forwarded-Proto": {"http"},
		}},
		{"from a trusted proxy", loopback, http.Header{
			"X-Forwarded-For": {"6.6.6.6, 127.0.0.1"}, "X-Forwarded-Host": {"evil"}, "X-Forwarded-Proto": {"https"},
			"X-Forwarded-Port": {"99"}, "X-Real-Ip": {"6.6.6.6"},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			url, requests := recorder(t)
			g := setup{options: forward.Options{TrustedProxies: c.trusted}}.start(t, url)
			g.send(t, "GET /v1/x HTTP/1.1\r\nHost: gateway.example\r\nX-Request-Id: i\r\n"+spoofed+"\r\n")
			got := <-requests
			if !strings.HasPrefix("http://"+got.Host, strings.TrimSuffix(url, "/predict")) {
				t.Errorf("Host is %q, want that of %s", got.Host, url)
			}
			delete(got.Header, "Traceparent")
			c.want["X-Request-Id"] = []string{"i"}
			if d := cmp.Diff(c.want, got.Header); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestH01HopByHopFieldsAreRemovedFromRequests(t *testing.T) {
	url, requests := recorder(t)
	g := setup{}.start(t, url)
	g.send(t, "POST /v1/x HTTP/1.1\r\nHost: g\r\nX-Request-Id: i\r\nConnection: X-Named, keep-alive,x-other, X-Forwarded-For, X-Request-Id, X-Switchyard-Mirror\r\n"+
		"Connection: X-Third\r\nX-Named: 1\r\nX-Other: 1\r\nX-Third: 1\r\nKeep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\n"+
		"Proxy-Authorization: x\r\nTe: gzip, trailers\r\nUpgrade: h2c\r\nHttp2-Settings: AAMAAABkAAQAAP__\r\n"+
		"X-Switchyard-Mirror: m\r\nCookie: a=b\r\nAuthorization: key\r\nContent-Length: 2\r\n\r\nhi")
	got := (<-requests).Header
	delete(got, "Traceparent")
	want := http.Header{
		"X-Forwarded-For": {"127.0.0.1"}, "X-Forwarded-Host": {"g"}, "X-Forwarded-Proto": {"http"}, "X-Request-Id": {"i"},
		"Te": {"trailers"}, "Cookie": {"a=b"}, "Authorization": {"key"}, "X-Switchyard-Mirror": {"m"}, "Content-Length": {"2"},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestH01HopByHopFieldsAreRemovedFromAnswers(t *testing.T) {
	url := rawDeployment(t, func(c *net.TCPConn) {
		readHead(c)
		fmt.Fprint(c, "HTTP/1.1 103 Early Hints\r\nConnection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=1\r\nLink: </a>\r\nX-Switchyard-Backend: theirs\r\n\r\n"+
			"HTTP/1.1 200 OK\r\nConnection: X-Hop, keep-alive\r\nX-Hop: 1\r\nKeep-Alive: timeout=1\r\nProxy-Authenticate: Basic\r\nUpgrade: h2c\r\n"+
			"X-Switchyard-Backend: theirs\r\nX-Request-Id: theirs\r\nX-End: 1\r\nTrailer: X-T, X-Hop, Keep-Alive\r\nTransfer-Encoding: chunked\r\nDate: Mon, 02 Jan 2006 15:04:05 GMT\r\n\r\n"+
			"2\r\nhi\r\n0\r\nX-T: t\r\nX-Late: l\r\nKeep-Alive: 1\r\nConnection: close\r\n\r\n")
	})
	g := setup{}.start(t, url)
	var interim []http.Header
	req := request(t, http.MethodGet, g.URL+"/v1/x", nil)
	req.Header.Set("X-Request-Id", "i")
	req = req.WithContext(httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{
		Got1xxResponse: func(_ int, h textproto.MIMEHeader) error {
			interim = append(interim, http.Header(h))
			return nil
		},
	}))
	res, body := do(t, g.Client(), req)
	if d := cmp.Diff([]http.Header{{"Link": {"</a>"}, "X-Request-Id": {"i"}, "X-Switchyard-Backend": {"control"}}}, interim); d != "" {
		t.Errorf("103: %s", d)
	}
	want := http.Header{"X-End": {"1"}, "X-Request-Id": {"i"}, "X-Switchyard-Backend": {"control"}, "Date": {"Mon, 02 Jan 2006 15:04:05 GMT"}}
	if d := cmp.Diff(want, res.Header); d != "" || body != "hi" {
		t.Errorf("answer %q: %s", body, d)
	}
	if d := cmp.Diff(http.Header{"X-T": {"t"}, "X-Late": {"l"}}, res.Trailer); d != "" {
		t.Errorf("trailers: %s", d)
	}
}

func TestH03HeadersOfTheGatewaySurviveInformationalAnswers(t *testing.T) {
	for _, tls := range []bool{false, true} {
		url := deployment(t, func(w http.ResponseWriter, _ *http.Request) {
			for range 3 {
				w.Header().Set("Link", "</style.css>")
				w.WriteHeader(http.StatusEarlyHints)
			}
			w.Header().Del("Link")
			_, _ = io.WriteString(w, "done")
		})
		g := setup{tls: tls}.start(t, url)
		hints := 0
		req := request(t, http.MethodGet, g.URL+"/v1/x", nil)
		req = req.WithContext(httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{
			Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
				if code == http.StatusEarlyHints && h.Get("Link") == "</style.css>" {
					hints++
				}
				return nil
			},
		}))
		res, body := do(t, g.Client(), req)
		if hints != 3 || body != "done" || res.Header.Get("X-Switchyard-Backend") != "control" || res.Header.Get("X-Request-Id") == "" || res.Header.Get("Link") != "" {
			t.Errorf("HTTP/2 %v: %d hints, %q, %v", tls, hints, body, res.Header)
		}
	}
}

func TestH03NoInformationalAnswersToHTTP10(t *testing.T) {
	url := deployment(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusEarlyHints)
		_, _ = io.WriteString(w, "done")
	})
	g := setup{}.start(t, url)
	if res := g.send(t, "GET /v1/x HTTP/1.0\r\n\r\n"); res.StatusCode != http.StatusOK {
		t.Errorf("got %d", res.StatusCode)
	}
}

func TestH03EndlessInformationalAnswersEndTheAttempt(t *testing.T) {
	url := rawDeployment(t, func(c *net.TCPConn) {
		readHead(c)
		for {
			if _, err := io.WriteString(c, "HTTP/1.1 102 Processing\r\n\r\n"); err != nil {
				return
			}
		}
	})
	g := setup{}.start(t, url)
	res, _ := do(t, g.Client(), request(t, http.MethodGet, g.URL+"/v1/x", nil))
	if res.StatusCode != http.StatusBadGateway {
		t.Errorf("got %d", res.StatusCode)
	}
	if r := g.result(t); r.Kind != "protocol" {
		t.Errorf("kind %q, %v", r.Kind, r.Err)
	}
}

func TestNothingIsInvented(t *testing.T) {
	url, requests := recorder(t)
	g := setup{}.start(t, url)
	g.send(t, "GET /v1/x HTTP/1.1\r\nHost: g\r\nX-Request-Id: i\r\n\r\n")
	got := (<-requests).Header
	delete(got, "Traceparent")
	want := http.Header{"X-Forwarded-For": {"127.0.0.1"}, "X-Forwarded-Host": {"g"}, "X-Forwarded-Proto": {"http"}, "X-Request-Id": {"i"}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}

	plain := rawDeployment(t, func(c *net.TCPConn) {
		readHead(c)
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>")
	})
	res := setup{}.start(t, plain).send(t, "GET /v1/x HTTP/1.1\r\nHost: g\r\n\r\n")
	if v, ok := res.Header["Content-Type"]; ok {
		t.Errorf("Content-Type %q was made up", v)
	}
}

func TestHeaderOfTheVersionIsSetOverTheCallers(t *testing.T) {
	url, requests := recorder(t)
	s := setup{attempt: forward.Attempt{Header: http.Header{"Authorization": {"Bearer secret"}, "Host": {"model.internal"}}}}
	g := s.start(t, url)
	g.send(t, "GET /v1/x HTTP/1.1\r\nHost: g\r\nAuthorization: key\r\nConnection: Authorization\r\n\r\n")
	if got := <-requests; got.Header.Get("Authorization") != "Bearer secret" || got.Host != "model.internal" {
		t.Errorf("got %v", got)
	}
}

func TestTrailersOfRequestsPass(t *testing.T) {
	url, requests := recorder(t)
	g := setup{}.start(t, url)
	g.send(t, "POST /v1/x HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\nConnection: X-Hop\r\nTrailer: X-Sum, X-Hop, X-Switchyard-Mirror, X-Forwarded-For\r\n\r\n"+
		"2\r\nhi\r\n0\r\nX-Sum: 1\r\nX-Hop: 1\r\nX-Switchyard-Mirror: m\r\nX-Forwarded-For: 6.6.6.6\r\n\r\n")
	if d := cmp.Diff(http.Header{"X-Sum": {"1"}}, (<-requests).Trailer); d != "" {
		t.Error(d)
	}
}

func TestM19CopiesBearTheHeaderOfTheLiveRequestAndNoMore(t *testing.T) {
	f := forward.New(forward.Options{})
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://gateway.example/v1/x", strings.NewReader("{}"))
	r.RemoteAddr = "[2001:db8::1%eth0]:4711"
	r.Header = http.Header{
		"Connection": {"upgrade, X-Named"}, "Upgrade": {"websocket"}, "X-Named": {"1"}, "Expect": {"100-continue"}, "Te": {"trailers"},
		"X-Forwarded-For": {"6.6.6.6"}, "Cookie": {"a=b"}, "Content-Type": {"application/json"}, "Content-Length": {"2"},
		"Idempotency-Key": {"k"}, "Traceparent": {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}, "Tracestate": {"v=1"},
	}
	id := forward.RequestID(r)
	before := r.Header.Clone()
	lines := f.AppendCopyFields(nil, r, http.Header{forward.MirrorMark: {"m"}, "X-Own": {"1", "2"}, "Cookie": {"own=1"}, "Host": {"h"}}, nil, "")
	if d := cmp.Diff(before, r.Header); d != "" {
		t.Errorf("the request was changed: %s", d)
	}
	got := strings.SplitAfter(string(lines), "\r\n")
	slices.Sort(got)
	want := []string{
		"", "Content-Type: application/json\r\n", "Cookie: own=1\r\n", "Te: trailers\r\n",
		"Traceparent: " + before.Get("Traceparent") + "\r\n", "Tracestate: v=1\r\n",
		"X-Forwarded-For: 2001:db8::1\r\n", "X-Forwarded-Host: gateway.example\r\n", "X-Forwarded-Proto: http\r\n",
		"X-Own: 1\r\n", "X-Own: 2\r\n", "X-Request-Id: " + id + "\r\n", "X-Switchyard-Mirror: m\r\n", "idempotency-key: k\r\n",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

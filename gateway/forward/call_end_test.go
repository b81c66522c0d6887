package forward_test

import (
	"encoding/binary"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/switchyard-gateway/switchyard/gateway/forward"
	"github.com/switchyard-gateway/switchyard/gateway/record"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
	"github.com/switchyard-gateway/switchyard/schema"
)

// message is one of gRPC.
func message(text string) string {
	return string(append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(text))), text...))
}

// A call that the gateway has to end after its first message ends with a status, unless a
// message is half sent.
func TestACallThatHasBegunEndsWithAStatus(t *testing.T) {
	if running.Front {
		t.Skip("over TLS package front serves nobody here")
	}
	for name, c := range map[string]struct {
		sent   string // by the deployment, which then hangs or breaks off
		breaks bool
		kind   string // of the answer
		spec   func(limit time.Duration) forward.Attempt
		status string // empty: the stream is reset
		why    record.ErrorKind
	}{
		"a silence":                     {message("one"), false, "application/grpc", silent, "4", record.Timeout},
		"the whole time":                {message("one") + message(""), false, "application/grpc+proto", asAWhole, "4", record.Timeout},
		"the caller's time":             {message("one"), false, "application/grpc", callersOwn, "4", record.Timeout},
		"no message yet":                {"", false, "application/grpc", silent, "4", record.Timeout},
		"the deployment breaks off":     {message("one"), true, "application/grpc", unbounded, "14", record.Reset},
		"more than may come":            {message(strings.Repeat("x", 100)), false, "application/grpc", short, "14", record.TooLarge},
		"half a message":                {message("half")[:7], false, "application/grpc", silent, "", record.Timeout},
		"half a head":                   {message("half")[:3], true, "application/grpc", unbounded, "", record.Reset},
		"what is no answer of gRPC":     {message("one"), true, "text/plain", unbounded, "", record.Reset},
		"a large message, then silence": {message(strings.Repeat("x", 1<<20)), false, "application/grpc", silent, "4", record.Timeout},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// The limit has to leave the head and what follows it enough time.
			testbed.LongEnough(t, 300*time.Millisecond, func(limit time.Duration) bool {
				spec := c.spec(limit)
				g := setup{tls: true, attempt: spec}.start(t, deployment(t, func(w http.ResponseWriter, r *http.Request) {
					_, _ = io.Copy(io.Discard, r.Body)
					w.Header().Set("Content-Type", c.kind)
					w.Header().Set("Trailer", "Grpc-Status, Grpc-Message")
					_, _ = io.WriteString(w, c.sent)
					_ = http.NewResponseController(w).Flush()
					if c.breaks {
						panic(http.ErrAbortHandler)
					}
					<-r.Context().Done()
				}))
				req := request(t, http.MethodPost, g.URL+"/v1/x", strings.NewReader(message("request")))
				req.Header.Set("Content-Type", "application/grpc")
				res, err := g.Client().Do(req)
				if err != nil {
					t.Fatal(err)
				}
				defer res.Body.Close()
				body, err := io.ReadAll(res.Body)
				r := g.result(t)
				if c.why == record.Timeout && r.Kind == record.Timeout && r.ResponseBytes < int64(len(c.sent)) || r.Status == http.StatusGatewayTimeout {
					return false
				}
				if r.Kind != c.why || r.Outcome != record.Error || r.Status != http.StatusOK {
					t.Errorf("%+v", r)
				}
				if c.status == "" {
					if err == nil || !r.Abort {
						t.Errorf("it ended in order: %v %v", res.Trailer, r)
					}
					return true
				}
				want := c.sent
				if spec.MaxResponseBytes > 0 {
					want = ""
				}
				if err != nil || string(body) != want || r.Abort {
					t.Errorf("%d of %d bytes, %v, %+v", len(body), len(want), err, r)
				}
				if got := res.Trailer["Grpc-Status"]; !slices.Equal(got, []string{c.status}) || res.Trailer.Get("Grpc-Message") == "" {
					t.Errorf("%v", res.Trailer)
				}
				return true
			})
		})
	}
}

// Attempts with a limit, as calls may have it.
func silent(limit time.Duration) forward.Attempt {
	return forward.Attempt{Timeout: schema.Timeout{Idle: limit}}
}

func asAWhole(limit time.Duration) forward.Attempt {
	return forward.Attempt{Timeout: schema.Timeout{Total: limit}}
}

func callersOwn(limit time.Duration) forward.Attempt {
	return forward.Attempt{Deadline: time.Now().Add(limit)}
}
func unbounded(time.Duration) forward.Attempt { return forward.Attempt{} }
func short(time.Duration) forward.Attempt     { return forward.Attempt{MaxResponseBytes: 50} }

// A caller that does not read is in nobody's way for longer than its call may take.
func TestACallWhoseCallerDoesNotReadIsGivenUp(t *testing.T) {
	if running.Front {
		t.Skip("over TLS package front serves nobody here")
	}
	t.Parallel()
	g := setup{tls: true, attempt: forward.Attempt{Timeout: schema.Timeout{Idle: 2 * time.Second}}}.start(t, deployment(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/grpc")
		for r.Context().Err() == nil {
			if _, err := io.WriteString(w, message(strings.Repeat("x", 1<<20))); err != nil {
				return
			}
		}
	}))
	req := request(t, http.MethodPost, g.URL+"/v1/x", strings.NewReader(message("request")))
	req.Header.Set("Content-Type", "application/grpc")
	res, err := g.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if r := g.result(t); r.Kind != record.Timeout || !r.Abort {
		t.Errorf("%+v", r)
	}
}

// FuzzMessages compares what follows messages in pieces with what takes one after the other
// off a whole body.
func FuzzMessages(f *testing.F) {
	f.Add([]byte(message("one")+message("")+message("three")), []byte{1, 2, 3})
	f.Add([]byte(message("half")[:6]), []byte{0, 255})
	f.Add([]byte("\x00\xff\xff\xff\xffx"), []byte{4})
	f.Fuzz(func(t *testing.T, body, cuts []byte) {
		rest := body
		for len(rest) >= 5 && uint64(len(rest)-5) >= uint64(binary.BigEndian.Uint32(rest[1:5])) {
			rest = rest[5+binary.BigEndian.Uint32(rest[1:5]):]
		}
		var m forward.Messages
		left := body
		for _, cut := range cuts {
			n := min(int(cut), len(left))
			m.Pass(left[:n])
			left = left[n:]
		}
		m.Pass(left)
		if m.Between() != (len(rest) == 0) {
			t.Errorf("%q: %d bytes of another message, between %v", body, len(rest), m.Between())
		}
	})
}

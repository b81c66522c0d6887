package forward_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/switchyard-gateway/switchyard/deployments"
	"github.com/switchyard-gateway/switchyard/gateway/forward"
	"github.com/switchyard-gateway/switchyard/gateway/record"
	"github.com/switchyard-gateway/switchyard/schema"
)

// h2cRequest is a request as a deployment gets it that speaks HTTP/2 by hand.
type h2cRequest struct {
	*http2.Framer
	stream uint32
	body   string
}

// answer is 200 with the request's body.
func (r *h2cRequest) answer() {
	var head bytes.Buffer
	_ = hpack.NewEncoder(&head).WriteField(hpack.HeaderField{Name: ":status", Value: "200"})
	_ = r.WriteHeaders(http2.HeadersFrameParam{StreamID: r.stream, BlockFragment: head.Bytes(), EndHeaders: true})
	const most = 16 << 10 // of a frame
	left := []byte(r.body)
	for ; len(left) > most; left = left[most:] {
		_ = r.WriteData(r.stream, false, left[:most])
	}
	_ = r.WriteData(r.stream, true, left)
}

// h2cDeployment is a deployment that takes each request as a whole and leaves it to do,
// which says whether the connection goes on.
func h2cDeployment(t *testing.T, do func(*h2cRequest) bool) string {
	t.Helper()
	return rawDeployment(t, func(c *net.TCPConn) {
		preface := make([]byte, len(http2.ClientPreface))
		if _, err := io.ReadFull(c, preface); err != nil {
			return
		}
		f := http2.NewFramer(c, c)
		_ = f.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 20})
		_ = f.WriteWindowUpdate(0, 1<<20)
		bodies := map[uint32]string{}
		for {
			frame, err := f.ReadFrame()
			if err != nil {
				return
			}
			switch frame := frame.(type) {
			case *http2.SettingsFrame:
				if !frame.IsAck() {
					_ = f.WriteSettingsAck()
				}
			case *http2.DataFrame:
				bodies[frame.StreamID] += string(frame.Data())
			}
			if ended := frame.Header(); ended.StreamID > 0 && ended.Flags.Has(http2.FlagDataEndStream) && ended.Type <= http2.FrameHeaders {
				if !do(&h2cRequest{f, ended.StreamID, bodies[ended.StreamID]}) {
					return
				}
			}
		}
	})
}

// h2cPool has no transport but net/http's.
func h2cPool() deployments.PoolOptions {
	return deployments.PoolOptions{Transport: func(to deployments.Destination) deployments.Transport {
		return deployments.NewTransport(deployments.OptionsFor(to))
	}}
}

// What a replica says it has not processed is sent again, whatever the method, and nothing
// else is (RFC 9113, section 8.7).
func TestWhatIsNotProcessedIsSentAgain(t *testing.T) {
	reset := func(code http2.ErrCode) func(*h2cRequest) bool {
		return func(r *h2cRequest) bool { return r.WriteRSTStream(r.stream, code) == nil }
	}
	goAway := func(last func(*h2cRequest) uint32, code http2.ErrCode, goesOn bool) func(*h2cRequest) bool {
		return func(r *h2cRequest) bool { return r.WriteGoAway(last(r), code, nil) == nil && goesOn }
	}
	before := func(*h2cRequest) uint32 { return 0 }
	this := func(r *h2cRequest) uint32 { return r.stream }
	for name, c := range map[string]struct {
		first    func(*h2cRequest) bool // to be done with the first request
		replicas int
		body     int
		again    bool
		same     bool // replica gets it again
	}{
		"it is refused":                                {reset(http2.ErrCodeRefusedStream), 2, 200, true, false},
		"it is refused, a body that is kept":           {reset(http2.ErrCodeRefusedStream), 2, 32 << 10, true, false},
		"it is refused, a body that is not kept":       {reset(http2.ErrCodeRefusedStream), 2, 32<<10 + 1, false, false},
		"it is refused by the only replica":            {reset(http2.ErrCodeRefusedStream), 1, 200, false, false},
		"it comes too late":                            {goAway(before, http2.ErrCodeNo, true), 2, 200, true, true},
		"it comes too late for the only replica":       {goAway(before, http2.ErrCodeNo, true), 1, 200, true, true},
		"it comes too late, a body that is not kept":   {goAway(before, http2.ErrCodeNo, true), 1, 64 << 10, false, false},
		"the connection is refused":                    {goAway(before, http2.ErrCodeEnhanceYourCalm, true), 2, 200, true, false},
		"the connection ends after it":                 {goAway(this, http2.ErrCodeNo, false), 2, 200, false, false},
		"it is reset":                                  {reset(http2.ErrCodeInternal), 2, 200, false, false},
		"it is reset, as servers do with what is late": {reset(http2.ErrCodeProtocol), 2, 200, false, false},
		"it is canceled":                               {reset(http2.ErrCodeCancel), 2, 200, false, false},
		"the connection breaks":                        {func(*h2cRequest) bool { return false }, 2, 200, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			var sent atomic.Int64
			var first atomic.Pointer[string] // replica
			replica := func(name string) string {
				return h2cDeployment(t, func(r *h2cRequest) bool {
					if sent.Add(1) == 1 {
						first.Store(&name)
						return c.first(r)
					}
					r.answer()
					return true
				})
			}
			names := map[string]string{}
			var replicas []string
			for _, name := range []string{"a", "b"}[:c.replicas] {
				url := replica(name)
				names[url], replicas = name, append(replicas, url)
			}
			g := setup{pool: h2cPool(), protocol: schema.H2C}.start(t, replicas...)
			body := strings.Repeat("x", c.body)
			res, err := g.Client().Do(request(t, http.MethodPost, g.URL+"/v1/x", strings.NewReader(body)))
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(res.Body)
			res.Body.Close()
			r := g.result(t)
			if !c.again {
				if sent.Load() != 1 || res.StatusCode != http.StatusBadGateway || r.Kind != record.Reset || r.Outcome != record.Error {
					t.Errorf("sent %d times, answered %d, %+v", sent.Load(), res.StatusCode, r)
				}
				return
			}
			if sent.Load() != 2 || res.StatusCode != http.StatusOK || err != nil || string(got) != body || r.Outcome != record.OK {
				t.Errorf("sent %d times, answered %d with %d bytes, %v, %+v", sent.Load(), res.StatusCode, len(got), err, r)
			}
			if same := names[r.Replica] == *first.Load(); same != c.same {
				t.Errorf("the first was %s, the one that answered %s", *first.Load(), names[r.Replica])
			}
		})
	}
}

// A replica that refuses requests counts as one that fails them, and one whose connection
// ends in good order does not.
func TestARefusalCountsAgainstTheReplicaAndAGoodEndDoesNot(t *testing.T) {
	for name, c := range map[string]struct {
		do      func(*h2cRequest) bool
		leaving bool
		up      int
	}{
		"refused":  {func(r *h2cRequest) bool { return r.WriteRSTStream(r.stream, http2.ErrCodeRefusedStream) == nil }, false, 1},
		"good end": {func(r *h2cRequest) bool { return r.WriteGoAway(0, http2.ErrCodeNo, nil) == nil }, true, 2},
	} {
		t.Run(name, func(t *testing.T) {
			g := setup{
				pool: h2cPool(), protocol: schema.H2C,
				outlier: &schema.Outlier{Consecutive5xx: 3, ConsecutiveFailures: 3, Ejection: time.Hour, MaxEjection: time.Hour},
			}.start(t, h2cDeployment(t, c.do), h2cDeployment(t, c.do))
			for range 6 {
				res, _ := do(t, g.Client(), request(t, http.MethodPost, g.URL+"/v1/x", strings.NewReader("x")))
				r := g.result(t)
				var refused *deployments.UnprocessedError
				if res.StatusCode != http.StatusBadGateway || r.Kind != record.Reset || !errors.As(r.Err, &refused) || refused.Leaving != c.leaving {
					t.Errorf("answered %d, %+v", res.StatusCode, r)
				}
			}
			up := 0
			for _, r := range g.group.Replicas() {
				if r.Up() {
					up++
				}
			}
			if up != c.up {
				t.Errorf("%d replicas are up, want %d; of two one can be ejected", up, c.up)
			}
		})
	}
}

// An attempt that is asked whether there is to be another one says that this one was not
// processed.
func TestARefusedRequestIsUnsentForAnotherAttempt(t *testing.T) {
	var failed []forward.Failed
	g := setup{
		pool: h2cPool(), protocol: schema.H2C,
		attempt: forward.Attempt{Yield: func(f forward.Failed) bool {
			failed = append(failed, f)
			return false
		}},
	}.start(t, h2cDeployment(t, func(r *h2cRequest) bool { return r.WriteRSTStream(r.stream, http2.ErrCodeRefusedStream) == nil }))
	do(t, g.Client(), request(t, http.MethodPost, g.URL+"/v1/x", strings.NewReader("x")))
	g.result(t)
	if len(failed) != 1 || !failed[0].Unsent {
		t.Errorf("%+v", failed)
	}
}

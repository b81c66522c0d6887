package gateway_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

// modelServer is a real server of gRPC that answers calls of any method as it is told,
// once it has read them to the end.
type modelServer struct {
	url   string
	calls atomic.Int64 // without copies
}

func newModelServer(t *testing.T, answer func(grpc.ServerStream) error) *modelServer {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m := &modelServer{url: "http://" + l.Addr().String()}
	server := grpc.NewServer(grpc.UnknownServiceHandler(func(_ any, s grpc.ServerStream) error {
		if sent, _ := metadata.FromIncomingContext(s.Context()); sent["x-switchyard-mirror"] == nil {
			m.calls.Add(1)
		}
		for {
			if err := s.RecvMsg(new(wrapperspb.StringValue)); errors.Is(err, io.EOF) {
				return answer(s)
			} else if err != nil {
				return err
			}
		}
	}))
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	t.Cleanup(func() {
		server.Stop()
		<-ended
	})
	return m
}

// ending ends a call with a status and nothing before it.
func ending(c codes.Code) func(grpc.ServerStream) error {
	return func(grpc.ServerStream) error { return status.Error(c, "said by the model") }
}

// late ends a call with a status after the first message of its answer.
func late(c codes.Code) func(grpc.ServerStream) error {
	return func(s grpc.ServerStream) error {
		if err := s.SendMsg(wrapperspb.String("first")); err != nil {
			return err
		}
		return status.Error(c, "said by the model")
	}
}

// afterMetadata ends a call with a status after metadata.
func afterMetadata(c codes.Code) func(grpc.ServerStream) error {
	return func(s grpc.ServerStream) error {
		if err := s.SendHeader(metadata.Pairs("x-loaded", "no")); err != nil {
			return err
		}
		return status.Error(c, "said by the model")
	}
}

func h2c() options {
	return options{server: func(s *http.Server) {
		s.Protocols = new(http.Protocols)
		s.Protocols.SetHTTP1(true)
		s.Protocols.SetUnencryptedHTTP2(true)
	}}
}

// caller makes calls of gRPC to the endpoint e, and returns their statuses.
func (s *stage) caller() func() codes.Code {
	s.t.Helper()
	c, err := grpc.NewClient("passthrough:///"+strings.TrimPrefix(s.url, "http://"), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = c.Close() })
	return func() codes.Code {
		ctx, cancel := context.WithTimeout(s.t.Context(), testbed.Patience)
		defer cancel()
		ctx = metadata.AppendToOutgoingContext(ctx, "x-switchyard-endpoint", "e")
		return status.Code(c.Invoke(ctx, "/inference.Model/Infer", wrapperspb.String("x"), new(wrapperspb.StringValue)))
	}
}

// models serves the endpoint e from replicas of gRPC that take turns.
func (s *stage) models(version, endpoint string, replicas ...*modelServer) {
	s.t.Helper()
	var urls []string
	for _, r := range replicas {
		urls = append(urls, r.url)
	}
	s.serve(files{
		"endpoints/e.yaml": "schemaVersion: 1\nbackends: {a: {deployment: {branch: main, name: m, version: 1}}}\n" + endpoint,
		"deployments/m.yaml": fmt.Sprintf("schemaVersion: 1\nprotocol: h2c\nversions:\n  1: {url: [%s], balance: round-robin, %s}\n  2: {url: %s}\n",
			strings.Join(urls, ", "), version, replicas[0].url),
	})
}

func TestAStatusOfGRPCIsTriedAgainWhereThatOfHTTPIs(t *testing.T) {
	for name, c := range map[string]struct {
		bad     func(grpc.ServerStream) error
		version string
		code    codes.Code // that the caller gets
		outcome string     // in the record of the first attempt
	}{
		"UNAVAILABLE":                      {ending(codes.Unavailable), "idempotent: true, retries: {backoff: 1ms}", codes.OK, "error"},
		"DEADLINE_EXCEEDED":                {ending(codes.DeadlineExceeded), "idempotent: true, retries: {backoff: 1ms}", codes.OK, "error"},
		"UNAVAILABLE where only 504 is":    {ending(codes.Unavailable), "idempotent: true, retries: {on: 504}", codes.Unavailable, "error"},
		"UNAVAILABLE, not idempotent":      {ending(codes.Unavailable), "retries: {backoff: 1ms}", codes.Unavailable, "error"},
		"UNAVAILABLE after metadata":       {afterMetadata(codes.Unavailable), "idempotent: true, retries: {backoff: 1ms}", codes.Unavailable, "error"},
		"UNAVAILABLE after a message":      {late(codes.Unavailable), "idempotent: true, retries: {backoff: 1ms}", codes.Unavailable, "error"},
		"UNAVAILABLE without retries":      {ending(codes.Unavailable), "idempotent: true", codes.Unavailable, "error"},
		"INTERNAL is no 502, 503 or 504":   {ending(codes.Internal), "idempotent: true, retries: {backoff: 1ms}", codes.Internal, "error"},
		"INVALID_ARGUMENT is the caller's": {ending(codes.InvalidArgument), "idempotent: true, retries: {backoff: 1ms}", codes.InvalidArgument, "ok"},
		"RESOURCE_EXHAUSTED is like 429":   {ending(codes.ResourceExhausted), "idempotent: true, retries: {backoff: 1ms}", codes.ResourceExhausted, "ok"},
	} {
		t.Run(name, func(t *testing.T) {
			s, bad, good := newStage(t, h2c()), newModelServer(t, c.bad), newModelServer(t, late(codes.OK))
			s.models(c.version, "", bad, good)
			if got := s.caller()(); got != c.code {
				t.Errorf("the caller got %v, want %v", got, c.code)
			}
			first := s.written(1, func(f fields) bool { return f["role"] == "live" && f["replica"] == bad.url })[0]
			if first["outcome"] != c.outcome || first["status"] != 200.0 || (first["errorKind"] == "status") != (c.outcome == "error") ||
				(first["superseded"] != nil) != (c.code == codes.OK) {
				t.Errorf("%v", first)
			}
			if c.outcome == "error" && !strings.HasPrefix(fmt.Sprint(first["error"]), "the call ended with ") {
				t.Errorf("%v", first["error"])
			}
			if want := map[bool]int64{true: 1}[c.code == codes.OK]; bad.calls.Load() != 1 || good.calls.Load() != want {
				t.Errorf("sent %d and %d times", bad.calls.Load(), good.calls.Load())
			}
		})
	}
}

// pushingBack ends a call with UNAVAILABLE and says in which milliseconds it may be made again.
func pushingBack(ms ...string) func(grpc.ServerStream) error {
	return func(s grpc.ServerStream) error {
		s.SetTrailer(metadata.MD{"grpc-retry-pushback-ms": ms})
		return status.Error(codes.Unavailable, "said by the model")
	}
}

func TestAServerOfGRPCSaysWhenACallIsTriedAgain(t *testing.T) {
	for name, c := range map[string]struct {
		answer  func(grpc.ServerStream) error
		backoff string
		again   bool
		after   float64 // milliseconds, at least
	}{
		"at once":                      {pushingBack("0"), "1m", true, 0},
		"after a while":                {pushingBack("200"), "1ms", true, 200},
		"never":                        {pushingBack("-1"), "1ms", false, 0},
		"in words":                     {pushingBack("soon"), "1ms", false, 0},
		"twice":                        {pushingBack("1", "1"), "1ms", false, 0},
		"later than 512 times backoff": {pushingBack("600"), "1ms", false, 0},
		"later than there is time":     {pushingBack("600000"), "10s", false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s, bad, good := newStage(t, h2c()), newModelServer(t, c.answer), newModelServer(t, late(codes.OK))
			s.models("idempotent: true, retries: {backoff: "+c.backoff+"}", "", bad, good)
			got := s.caller()()
			if (got == codes.OK) != c.again || !c.again && got != codes.Unavailable {
				t.Errorf("the caller got %v", got)
			}
			if !c.again {
				s.written(1, func(f fields) bool { return f["role"] == "live" && f["superseded"] == nil })
				return
			}
			both := s.written(2, func(f fields) bool { return f["role"] == "live" })
			if waited := both[1]["startTs"].(float64) - both[0]["endTs"].(float64); waited < c.after-1 {
				t.Errorf("tried again after %v ms", waited)
			}
		})
	}
}

func TestAFallbackAnswersForAStatusOfGRPC(t *testing.T) {
	s, bad := newStage(t, h2c()), newModelServer(t, ending(codes.Unavailable))
	good := newModelServer(t, late(codes.OK))
	s.serve(files{
		"endpoints/e.yaml": "schemaVersion: 1\nbackends:\n  a: {deployment: {branch: main, name: m, version: 1}}\n" +
			"  b: {deployment: {branch: main, name: m, version: 2}, weight: 0}\nfallback: b\n",
		"deployments/m.yaml": "schemaVersion: 1\nprotocol: h2c\nidempotent: true\nversions: {1: {url: " + bad.url + "}, 2: {url: " + good.url + "}}\n",
	})
	if got := s.caller()(); got != codes.OK {
		t.Errorf("the caller got %v", got)
	}
	s.written(1, func(f fields) bool { return f["backend"] == "b" && f["fallbackFrom"] == "a" && f["outcome"] == "ok" })
}

func TestStatusesOfGRPCEjectAReplica(t *testing.T) {
	for name, c := range map[string]struct {
		bad    func(grpc.ServerStream) error
		ejects bool
	}{
		"UNAVAILABLE":              {ending(codes.Unavailable), true},
		"INTERNAL after a message": {late(codes.Internal), true},
		"UNKNOWN after metadata":   {afterMetadata(codes.Unknown), true},
		"NOT_FOUND":                {ending(codes.NotFound), false},
		"UNIMPLEMENTED":            {late(codes.Unimplemented), false},
	} {
		t.Run(name, func(t *testing.T) {
			s, bad, good := newStage(t, h2c()), newModelServer(t, c.bad), newModelServer(t, late(codes.OK))
			s.models("outlier: {consecutive5xx: 3, consecutiveFailures: 100, ejection: 1h, maxEjection: 1h}", "", bad, good)
			call := s.caller()
			for range 20 {
				call()
			}
			if want := map[bool]int64{true: 3, false: 10}[c.ejects]; bad.calls.Load() != want {
				t.Errorf("the replica got %d of 20 calls, want %d", bad.calls.Load(), want)
			}
		})
	}
}

func TestStatusesOfGRPCOpenABreaker(t *testing.T) {
	for code, opens := range map[codes.Code]bool{codes.Unavailable: true, codes.DataLoss: true, codes.PermissionDenied: false, codes.OK: false} {
		for name, answer := range map[string]func(grpc.ServerStream) error{"at once": ending(code), "after a message": late(code)} {
			t.Run(fmt.Sprint(code, " ", name), func(t *testing.T) {
				s, m := newStage(t, h2c()), newModelServer(t, answer)
				s.models("breaker: {minRequests: 5, window: 1h, openFor: 1h}", "", m)
				call := s.caller()
				for range 10 {
					call()
				}
				if want := map[bool]int64{true: 5, false: 10}[opens]; m.calls.Load() != want {
					t.Errorf("the deployment got %d of 10 calls, want %d", m.calls.Load(), want)
				}
				if opens {
					s.written(5, func(f fields) bool { return f["errorKind"] == "breaker_open" })
				}
			})
		}
	}
}

// A copy's record tells of its status as the live one does of its own.
func TestRecordsOfCopiesTellOfStatusesOfGRPC(t *testing.T) {
	s, bad, good := newStage(t, h2c()), newModelServer(t, late(codes.Internal)), newModelServer(t, late(codes.OK))
	s.serve(files{
		"endpoints/e.yaml": "schemaVersion: 1\nbackends: {a: {deployment: {branch: main, name: m, version: 1}}}\n" +
			"mirrors: {worse: {deployment: {branch: main, name: m, version: 2}}, same: {deployment: {branch: main, name: m, version: 1}}}\n",
		"deployments/m.yaml": "schemaVersion: 1\nprotocol: h2c\nversions: {1: {url: " + good.url + "}, 2: {url: " + bad.url + "}}\n",
	})
	if got := s.caller()(); got != codes.OK {
		t.Errorf("the caller got %v", got)
	}
	worse := s.written(1, func(f fields) bool { return f["backend"] == "worse" })[0]
	if worse["outcome"] != "error" || worse["errorKind"] != "status" || worse["status"] != 200.0 || worse["error"] != "the call ended with INTERNAL" {
		t.Errorf("%v", worse)
	}
	s.written(1, func(f fields) bool { return f["backend"] == "same" && f["outcome"] == "ok" && f["errorKind"] == nil })
	s.written(1, func(f fields) bool { return f["backend"] == "a" && f["outcome"] == "ok" })
}

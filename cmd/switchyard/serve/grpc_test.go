package serve_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/switchyard-gateway/switchyard/cmd/switchyard/serve"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

// Two methods of the Open Inference Protocol.
const (
	inferService = "inference.GRPCInferenceService"
	infer        = "/" + inferService + "/ModelInfer"
	streamInfer  = "/" + inferService + "/ModelStreamInfer"
)

// inference is a model server. It answers with what it got, fails on "fail", and
// waits for its caller's end on "wait".
func inference(t *testing.T) (url string) {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	answer := func(ctx context.Context, in *wrapperspb.StringValue) (*wrapperspb.StringValue, error) {
		switch in.GetValue() {
		case "fail":
			return nil, status.Error(codes.FailedPrecondition, "not loaded: 50 % done")
		case "wait":
			<-ctx.Done()
			return nil, ctx.Err()
		}
		_ = grpc.SetTrailer(ctx, metadata.Pairs("x-cost", "3"))
		return wrapperspb.String("got " + in.GetValue()), nil
	}
	server := grpc.NewServer()
	server.RegisterService(&grpc.ServiceDesc{
		ServiceName: inferService, HandlerType: (*any)(nil),
		Methods: []grpc.MethodDesc{{MethodName: "ModelInfer", Handler: func(_ any, ctx context.Context, read func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
			in := new(wrapperspb.StringValue)
			if err := read(in); err != nil {
				return nil, err
			}
			return answer(ctx, in)
		}}},
		Streams: []grpc.StreamDesc{{StreamName: "ModelStreamInfer", ServerStreams: true, ClientStreams: true, Handler: func(_ any, s grpc.ServerStream) error {
			for {
				in := new(wrapperspb.StringValue)
				if err := s.RecvMsg(in); err != nil {
					if errors.Is(err, io.EOF) {
						return nil
					}
					return err
				}
				out, err := answer(s.Context(), in)
				if err != nil {
					return err
				}
				if err := s.SendMsg(out); err != nil {
					return err
				}
			}
		}}},
	}, nil)
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	t.Cleanup(func() {
		server.Stop()
		<-ended
	})
	return "http://" + l.Addr().String()
}

// calling is a client of gRPC.
func calling(t *testing.T, r *running, a *testbed.Authority) *grpc.ClientConn {
	t.Helper()
	secured := insecure.NewCredentials()
	if a != nil {
		secured = credentials.NewTLS(&tls.Config{RootCAs: a.Pool(), ServerName: secureHost})
	}
	_, address, _ := strings.Cut(r.url, "://")
	c, err := grpc.NewClient("passthrough:///"+address, grpc.WithTransportCredentials(secured))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func grpcFiles(url string) map[string]string {
	alias := func(more string) string {
		return "schemaVersion: 1\n" + more + "backends: {live: {deployment: {branch: main, name: model, version: 1}}}\n"
	}
	return map[string]string{
		"deployments/model.yaml": fmt.Sprintf("schemaVersion: 1\nprotocol: h2c\nversions: {1: {url: %q}, 2: {url: %q}}\n", url, "http://127.0.0.1:1"),
		"endpoints/model.yaml":   alias("") + "mirrors: {copy: {deployment: {branch: main, name: model, version: 1}}}\n",
		"endpoints/hasty.yaml":   alias("timeout: 50ms\n"),
		"endpoints/gone.yaml":    strings.Replace(alias(""), "version: 1}", "version: 2}", 1),
		"endpoints/path.yaml":    alias("path: /inference.Declared\n"),
	}
}

// Calls of gRPC reach the endpoint that their metadata names, over TLS and
// without, one message or many, with their trailers and statuses.
func TestGRPCIsRoutedByMetadata(t *testing.T) {
	files := grpcFiles(inference(t))
	test := func(t *testing.T, r *running, a *testbed.Authority) {
		c := calling(t, r, a)
		ctx, cancel := context.WithTimeout(t.Context(), testbed.Patience)
		defer cancel()
		named := func(name string) context.Context {
			return metadata.AppendToOutgoingContext(ctx, "x-switchyard-endpoint", name)
		}
		invoke := func(ctx context.Context, method, text string, o ...grpc.CallOption) (string, error) {
			out := new(wrapperspb.StringValue)
			err := c.Invoke(ctx, method, wrapperspb.String(text), out, o...)
			return out.GetValue(), err
		}
		var trailer metadata.MD
		if got, err := invoke(named("model"), infer, "1", grpc.Trailer(&trailer)); got != "got 1" || err != nil || len(trailer["x-cost"]) != 1 {
			t.Errorf("%q %v %v", got, err, trailer)
		}
		large := strings.Repeat("x", 3<<20)
		if got, err := invoke(named("model"), infer, large); got != "got "+large || err != nil {
			t.Errorf("a large message: %d bytes, %v", len(got), err)
		}
		short, stop := context.WithTimeout(named("model"), 200*time.Millisecond)
		defer stop()
		for name, tt := range map[string]struct {
			ctx          context.Context
			method, text string
			want         codes.Code
			message      string
		}{
			"the deployment's own":   {named("model"), infer, "fail", codes.FailedPrecondition, "not loaded: 50 % done"},
			"no such method":         {named("model"), "/" + inferService + "/Nothing", "", codes.Unimplemented, "unknown method"},
			"no such endpoint":       {named("modle"), infer, "", codes.NotFound, `no endpoint "modle"; did you mean "model"?`},
			"no endpoint named":      {ctx, infer, "", codes.Unimplemented, "x-switchyard-endpoint"},
			"cannot be reached":      {named("gone"), infer, "", codes.Unavailable, ""},
			"the endpoint's timeout": {named("hasty"), infer, "wait", codes.DeadlineExceeded, "did not answer in time"},
			"the caller's timeout":   {short, infer, "wait", codes.DeadlineExceeded, ""},
		} {
			_, err := invoke(tt.ctx, tt.method, tt.text)
			if s := status.Convert(err); s.Code() != tt.want || !strings.Contains(s.Message(), tt.message) {
				t.Errorf("%s: %v, want %v %q", name, err, tt.want, tt.message)
			}
		}
		if _, err := invoke(ctx, "/inference.Declared/ModelInfer", "1"); status.Code(err) != codes.Unimplemented || strings.Contains(err.Error(), "x-switchyard") {
			t.Errorf("by the path of an endpoint: %v", err) // it reaches the deployment, which has no method /ModelInfer
		}
		stream, err := c.NewStream(named("model"), &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, streamInfer)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 3 { // each answer comes before the next message is sent
			out := new(wrapperspb.StringValue)
			if err := stream.SendMsg(wrapperspb.String(fmt.Sprint(i))); err != nil {
				t.Fatal(err)
			}
			if err := stream.RecvMsg(out); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(fmt.Sprint("got ", i), out.GetValue()); diff != "" {
				t.Error(diff)
			}
		}
		_ = stream.CloseSend()
		if err := stream.RecvMsg(new(wrapperspb.StringValue)); !errors.Is(err, io.EOF) {
			t.Errorf("the end of the stream: %v", err)
		}
		// The server ends a stream whose caller has not.
		failing, err := c.NewStream(named("model"), &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, streamInfer)
		if err != nil {
			t.Fatal(err)
		}
		out := new(wrapperspb.StringValue)
		testbed.Eventually(t, "the gateway ends a stream after the first message", func() bool { // which may take longer than it has
			hasty, err := c.NewStream(named("hasty"), &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, streamInfer)
			if err != nil {
				t.Fatal(err)
			}
			if err := hasty.SendMsg(wrapperspb.String("1")); err != nil && !errors.Is(err, io.EOF) {
				t.Fatal(err)
			}
			first := hasty.RecvMsg(out)
			last := first
			if first == nil {
				last = hasty.RecvMsg(out)
			}
			if status.Code(last) != codes.DeadlineExceeded || !strings.Contains(last.Error(), "did not answer in time") {
				t.Errorf("the gateway's end of a stream: %v", last)
			}
			return first == nil
		})
		for _, text := range []string{"1", "fail"} {
			if err := failing.SendMsg(wrapperspb.String(text)); err != nil {
				t.Fatal(err)
			}
		}
		if err := failing.RecvMsg(out); err != nil || out.GetValue() != "got 1" {
			t.Errorf("%q %v", out.GetValue(), err)
		}
		if err := failing.RecvMsg(out); status.Code(err) != codes.FailedPrecondition {
			t.Errorf("the server's end of a stream: %v", err)
		}
	}
	for _, own := range []bool{false, true} {
		o := serve.Options{OwnFront: own, OwnUpstream: own, H2C: true, GracePeriod: testbed.Patience}
		t.Run(fmt.Sprint("h2c, own engines ", own), func(t *testing.T) {
			r := start(t, o, files)
			test(t, r, nil)
			r.wait("copy", func(l line) bool { return l.Role == "mirror" && l.Outcome == "ok" && l.Path == infer })
		})
		t.Run(fmt.Sprint("TLS, own engines ", own), func(t *testing.T) {
			r, a, _ := securely(t, o, files)
			test(t, r, a)
		})
	}
}

// The time that a caller of gRPC gives holds at the gateway as well, also for
// streams that would go on.
func TestGRPCTimeoutBoundsTheAttempt(t *testing.T) {
	t.Parallel()
	left := make(chan struct{}, 100)
	var came atomic.Int64
	hangs := testbed.HTTP(t, func(w http.ResponseWriter, r *http.Request) {
		came.Add(1)
		_, _ = io.Copy(io.Discard, r.Body)
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for r.Context().Err() == nil && strings.HasSuffix(r.URL.Path, "Stream") {
			_, _ = io.WriteString(w, "part")
			_ = http.NewResponseController(w).Flush()
			<-tick.C
		}
		<-r.Context().Done()
		left <- struct{}{}
	})
	r := start(t, serve.Options{OwnFront: true, OwnUpstream: true, H2C: true}, model(hangs))
	c := speaking(t, 2, nil)
	post := func(method, timeout string) (res *http.Response, body string, err error) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.url+"/s/"+method, strings.NewReader("\x00\x00\x00\x00\x00"))
		if err != nil {
			t.Fatal(err)
		}
		req.Header = http.Header{"Content-Type": {"application/grpc+proto"}, "Grpc-Timeout": {timeout}, "X-Switchyard-Endpoint": {"model"}}
		if res, err = c.Do(req); err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		read, err := io.ReadAll(res.Body)
		return res, string(read), err
	}
	// long calls until the call has come as far as it is to come within its time.
	long := func(method string, far func(body string) bool) (res *http.Response, body string, err error) {
		t.Helper()
		for seconds := 1; ; seconds *= 2 {
			if res, body, err = post(method, fmt.Sprintf("%dS", seconds)); far(body) || seconds > 30 {
				return res, body, err
			}
		}
	}
	res, body, err := long("Unary", func(string) bool { return came.Load() > 0 })
	if res.StatusCode != http.StatusOK || res.Header.Get("Grpc-Status") != "4" || len(body) > 0 || err != nil {
		t.Errorf("%d %v %q %v", res.StatusCode, res.Header, body, err)
	}
	testbed.Receive(t, "the end of the call", left)
	isPart := func(body string) bool { return strings.HasPrefix(body, "part") }
	if _, body, err = long("Stream", isPart); err == nil || !isPart(body) {
		t.Errorf("the stream ended with %d bytes and %v", len(body), err)
	}
	testbed.Receive(t, "the end of the stream", left)
	if res, _, _ = post("Unary", "1u"); res.Header.Get("Grpc-Status") != "4" {
		t.Errorf("%v", res.Header)
	}
	r.wait("records", func(l line) bool { return l.ErrorKind == "timeout" && l.Status == http.StatusGatewayTimeout })
}

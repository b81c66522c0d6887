package collector_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	logs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	"google.golang.org/protobuf/proto"

	"github.com/switchyard-gateway/switchyard/gateway/collector"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

func TestMain(m *testing.M) { testbed.Main(m) }

// call calls as an exporter does, which puts what it is answered into its error.
func call(t *testing.T, client *http.Client, url string) (*collector.Answer, string) {
	t.Helper()
	defer client.CloseIdleConnections()
	ctx, answer := collector.Expect(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader("spans"))
	if err != nil {
		t.Fatal(err)
	}
	res, err := client.Do(req)
	if err != nil {
		return answer, ""
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Error(err)
	}
	return answer, fmt.Sprint(res.Status, res.ContentLength, res.Trailer, string(body))
}

// partial is an answer that says how many items are not taken.
func partial(t *testing.T, n int64) string {
	t.Helper()
	b, err := proto.Marshal(&logs.ExportLogsServiceResponse{
		PartialSuccess: &logs.ExportLogsPartialSuccess{RejectedLogRecords: n, ErrorMessage: "s3cret is no token"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestAnswersAreToldInNumbers(t *testing.T) {
	for _, c := range []struct {
		name    string
		status  int
		body    string
		want    collector.Answer
		failure string // empty: none
	}{
		{"taken", 200, "", collector.Answer{Status: 200}, ""},
		{"taken, and not read", 202, partial(t, 3), collector.Answer{Status: 202}, ""},
		{"some are rejected", 200, partial(t, 3), collector.Answer{Status: 200, Rejected: 3}, "the collector rejected 3 items"},
		{"fewer than none", 200, partial(t, -3), collector.Answer{Status: 200}, ""},
		{"another protocol", 200, `{"partialSuccess": {"rejectedSpans": 3}}`, collector.Answer{Status: 200}, ""},
		{"refused", 401, "s3cret is no token", collector.Answer{Status: 401}, "the collector answered 401"},
		{"later", 429, "s3cret", collector.Answer{Status: 429, RetryAfter: "7"}, "the collector answered 429"},
		{"elsewhere", 307, "", collector.Answer{Status: 307}, "the collector answered 307"},
	} {
		t.Run(c.name, func(t *testing.T) {
			elsewhere := testbed.HTTP(t, func(http.ResponseWriter, *http.Request) { t.Error("somebody else is called") })
			url := testbed.HTTP(t, func(w http.ResponseWriter, r *http.Request) {
				if got := r.Header.Get("X-Token"); got != "s3cret" {
					t.Errorf("the token is %q", got)
				}
				w.Header().Set("Location", elsewhere)
				w.Header().Set("Retry-After", c.want.RetryAfter)
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.body)
			})
			header := func() (http.Header, error) { return http.Header{"X-Token": {"s3cret"}}, nil }
			answer, seen := call(t, collector.NewClient(header, time.Minute), url)
			if diff := cmp.Diff(c.want, *answer); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if got := answer.Failure(); got == nil && c.failure != "" || got != nil && got.Error() != c.failure {
				t.Errorf("the failure is %v, want %q", got, c.failure)
			}
			if strings.Contains(seen, "s3cret") || !strings.HasPrefix(seen, fmt.Sprint(c.status)) {
				t.Errorf("the exporter sees %q", seen)
			}
		})
	}
}

func TestWhyThereIsNoAnswer(t *testing.T) {
	gone := errors.New("${env:TOKEN}: the environment variable is not set")
	for name, c := range map[string]struct {
		header  func() (http.Header, error)
		answer  http.HandlerFunc
		timeout time.Duration
		want    string
	}{
		"a secret is gone": {
			header: func() (http.Header, error) { return nil, gone },
			answer: func(http.ResponseWriter, *http.Request) { t.Error("it is called without the token") }, want: gone.Error(),
		},
		"it hangs up": {answer: func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, want: "EOF"},
		"it is silent": {answer: func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body) // net/http tells a handler that its caller left only then
			<-r.Context().Done()
		}, timeout: 50 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			url := testbed.HTTP(t, c.answer)
			if c.timeout == 0 {
				c.timeout = time.Minute
			}
			answer, _ := call(t, collector.NewClient(c.header, c.timeout), url)
			err := answer.Failure()
			if err == nil || !strings.HasPrefix(err.Error(), "call the collector: ") || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), url) {
				t.Errorf("%v, want %s", err, c.want)
			}
		})
	}
}

// Secrets may be exchanged, and what an exporter has set itself stays.
func TestFieldsAreAskedForAtEachCall(t *testing.T) {
	var got []string
	url := testbed.HTTP(t, func(_ http.ResponseWriter, r *http.Request) {
		got = append(got, r.Header.Get("X-Token")+" "+r.Header.Get("Content-Type"))
	})
	calls := 0
	client := collector.NewClient(func() (http.Header, error) {
		calls++
		return http.Header{"X-Token": {fmt.Sprint(calls)}}, nil
	}, time.Minute)
	defer client.CloseIdleConnections()
	for range 2 {
		res, err := client.Post(url, "application/x-protobuf", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
	}
	if diff := cmp.Diff([]string{"1 application/x-protobuf", "2 application/x-protobuf"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// An answer without an end is not read to its end.
func TestAnswersAreReadUpToABound(t *testing.T) {
	url := testbed.HTTP(t, func(w http.ResponseWriter, _ *http.Request) {
		for chunk := make([]byte, 64<<10); ; {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	})
	answer, _ := call(t, collector.NewClient(nil, time.Minute), url)
	if diff := cmp.Diff(collector.Answer{Status: http.StatusOK}, *answer); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

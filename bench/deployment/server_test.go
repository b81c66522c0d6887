//go:build linux

package deployment_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/switchyard-gateway/switchyard/bench/deployment"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

func TestMain(m *testing.M) { testbed.Main(m) }

const limit = 30 * time.Second

// dial connects to the one deployment of a server that runs until the test ends.
func dial(t *testing.T, spec deployment.Spec) (*deployment.Server, net.Conn) {
	t.Helper()
	server, err := deployment.New([]deployment.Spec{spec})
	if err != nil {
		t.Fatal(err)
	}
	stop, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- server.Serve(stop) }()
	var d net.Dialer
	conn, err := d.DialContext(t.Context(), "tcp", "127.0.0.1:"+strconv.Itoa(server.Ports()[spec.Name]))
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.SetDeadline(time.Now().Add(limit))
	t.Cleanup(func() {
		_ = conn.Close()
		close(stop)
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return server, conn
}

func TestRequestsAreReadTheSameHoweverTheyAreCut(t *testing.T) {
	server, conn := dial(t, deployment.Spec{Name: "A", Behavior: deployment.Fast})
	const text = "POST /x HTTP/1.1\r\nHost: a\r\ncontent-length:  3\r\nX: y\r\n\r\nabc" + "GET /y HTTP/1.1\r\nHost: a\r\n\r\n"
	for i := range len(text) {
		if _, err := conn.Write([]byte(text[i : i+1])); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := conn.Write([]byte(text)); err != nil { // two at once
		t.Fatal(err)
	}
	answers := bufio.NewReader(conn)
	for range 4 {
		response, err := http.ReadResponse(answers, nil)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if err != nil || response.StatusCode != http.StatusOK || len(body) != 200 || body[0] != 'A' {
			t.Errorf("%s %q %v", response.Status, body, err)
		}
	}
	if got := server.Counts()["A"]; got != (deployment.Counts{Requests: 4, Bytes: 6}) {
		t.Errorf("%+v", got)
	}
}

func TestWhatHasNoLengthIsMalformedAndNotAnswered(t *testing.T) {
	server, conn := dial(t, deployment.Spec{Name: "A", Behavior: deployment.Fast})
	if _, err := conn.Write([]byte("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	if answer, _ := io.ReadAll(conn); len(answer) > 0 {
		t.Errorf("answered %q", answer)
	}
	if got := server.Counts()["A"]; got != (deployment.Counts{Malformed: 1}) {
		t.Errorf("%+v", got)
	}
}

func TestSlowAnswersComeWhenTheyAreDue(t *testing.T) {
	const delay = 150 * time.Millisecond
	_, conn := dial(t, deployment.Spec{Name: "S", Behavior: deployment.Slow, Delay: delay})
	began := time.Now()
	if _, err := conn.Write([]byte("GET / HTTP/1.1\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took < delay {
		t.Errorf("it came after %v", took)
	}
}

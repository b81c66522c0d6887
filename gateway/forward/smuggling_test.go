package forward_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestH05AmbiguousRequestsLeaveInOneMeaning sends the published shapes of request
// smuggling. Which of them are refused is decided in front of the forwarder; here
// it is shown that what gets through is one request to the deployment, framed in
// one way, and that nothing that follows in a body becomes a request. What stands
// behind the end of a chunked body is a request of its own to net/http.
func TestH05AmbiguousRequestsLeaveInOneMeaning(t *testing.T) {
	const smuggled = "GET /smuggled HTTP/1.1\r\nHost: evil\r\n\r\n"
	for _, c := range []struct {
		name, head, body string
		most             int // of requests that these bytes can honestly be
	}{
		{"CL.TE", "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n" + smuggled, 2},
		{"TE.CL", "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", "26\r\n" + smuggled + "\r\n0\r\n\r\n", 1},
		{"two lengths", "Content-Length: 0\r\nContent-Length: 38\r\n", smuggled, 1},
		{"list of lengths", "Content-Length: 0, 38\r\n", smuggled, 1},
		{"same length twice", "Content-Length: 38\r\nContent-Length: 38\r\n", smuggled, 1},
		{"signed length", "Content-Length: +0\r\n", smuggled, 1},
		{"hexadecimal length", "Content-Length: 0x26\r\n", smuggled, 1},
		{"TE with a tab", "Transfer-Encoding:\tchunked\r\nContent-Length: 4\r\n", "0\r\n\r\n" + smuggled, 2},
		{"TE with a space before the colon", "Transfer-Encoding : chunked\r\nContent-Length: 38\r\n", smuggled, 1},
		{"TE twice", "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", "0\r\n\r\n" + smuggled, 1},
		{"TE unknown", "Transfer-Encoding: xchunked\r\nContent-Length: 38\r\n", smuggled, 1},
		{"obs-fold", "X-A: b\r\n Transfer-Encoding: chunked\r\nContent-Length: 38\r\n", smuggled, 1},
		{"bare LF", "X-A: b\nContent-Length: 38\r\n", smuggled, 1},
		{"bare CR", "X-A: b\rContent-Length: 38\r\n", smuggled, 1},
		{"NUL", "X-A: b\x00\r\nContent-Length: 38\r\n", smuggled, 1},
		{"chunk extension", "Transfer-Encoding: chunked\r\n", "2;a=\"\r\n0\r\n\r\n\"\r\nhi\r\n0\r\n\r\n" + smuggled, 1},
		{"bare LF after a chunk size", "Transfer-Encoding: chunked\r\n", "2\nhi\r\n0\r\n\r\n", 1},
		{"length nominated", "Connection: Content-Length\r\nContent-Length: 38\r\n", smuggled, 1},
		{"TE nominated", "Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked\r\n", "26\r\n" + smuggled + "\r\n0\r\n\r\n", 1},
		{"TE in a trailer", "Transfer-Encoding: chunked\r\nTrailer: Content-Length\r\n", "2\r\nhi\r\n0\r\nContent-Length: 38\r\n\r\n", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			heads := make(chan string, 10)
			url := rawDeployment(t, func(conn *net.TCPConn) { strictServer(conn, heads) })
			g := setup{}.start(t, url)
			conn := g.dial(t)
			_, _ = io.WriteString(conn, "POST /v1/x/asked HTTP/1.1\r\nHost: g\r\n"+c.head+"\r\n"+c.body)
			readAnswers(conn)
			conn.Close()
			g.Close()
			n := 0
			for ; len(heads) > 0; n++ {
				head := <-heads
				lengths, codings := strings.Count(head, "\r\nContent-Length:"), strings.Count(head, "\r\nTransfer-Encoding:")
				if !strings.HasPrefix(head, "POST /predict/asked ") && !strings.HasPrefix(head, "GET /predict ") || lengths+codings > 1 {
					t.Errorf("the deployment was sent %q", head)
				}
			}
			if n > c.most {
				t.Errorf("%d requests for %d", n, c.most)
			}
		})
	}
}

// readAnswers reads what comes until the connection ends or nothing more comes.
// It does not shut down its own side before, which would cancel the request.
func readAnswers(c *net.TCPConn) {
	r := bufio.NewReader(c)
	for {
		res, err := http.ReadResponse(r, nil)
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, res.Body)
		res.Body.Close()
		_ = c.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	}
}

// strictServer answers requests and tells their heads.
func strictServer(c *net.TCPConn, heads chan<- string) {
	for {
		head := readHead(c)
		if head == "" {
			return
		}
		heads <- head
		req, err := http.ReadRequest(bufio.NewReader(io.MultiReader(strings.NewReader(head), c)))
		if err != nil {
			return
		}
		if _, err := io.Copy(io.Discard, req.Body); err != nil {
			return
		}
		if _, err := io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"); err != nil {
			return
		}
	}
}

//go:build linux

package front_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// These are the differences from net/http that doc.go names and the conformance matrix cannot hold.

// TestInvalidContentLengthOfAHandlerIsNone: the answer is framed by what is written, and the connection goes on. An empty one
// is invalid too.
func TestInvalidContentLengthOfAHandlerIsNone(t *testing.T) {
	s := startFront(t, &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Content-Length"] = []string{r.Header.Get("X-Length")}
		fmt.Fprint(w, strings.Repeat("x", int(r.ContentLength)))
	})})
	for _, length := range []string{"", "x", "-1", "+5", "5,5", "5 5", "0x5", "05", "99999999999999999999"} {
		for _, size := range []int{0, 5, 100_000} { // one that fits the buffer and one that does not
			head := fmt.Sprintf("POST / HTTP/1.1\r\nHost: a\r\nX-Length: %s\r\nContent-Length: %d\r\n\r\n", length, size)
			in := head + strings.Repeat("y", size)
			out := bufio.NewReader(strings.NewReader(exchange(t, s, in+in+last, patience)))
			for range 2 {
				resp, err := http.ReadResponse(out, nil)
				if err != nil {
					t.Fatalf("%q: %v", length, err)
				}
				content, err := io.ReadAll(resp.Body)
				resp.Body.Close()
				chunked := len(resp.TransferEncoding) > 0
				if len(content) != size || err != nil || resp.Close || chunked != (size > 5) {
					t.Errorf("%q: %d of %d bytes, %v, length %d, close %v, chunked %v", length, len(content), size, err, resp.ContentLength, resp.Close, chunked)
				}
			}
		}
	}
	if got := s.log.String(); !strings.Contains(got, `http: invalid Content-Length of "x"`) {
		t.Errorf("the log does not tell: %q", got)
	}
}

// TestMaxBytesReaderKeepsShortRests: the limit holds for the handler; what is beyond is read and the connection kept if it is
// short, and closes the connection if not.
func TestMaxBytesReaderKeepsShortRests(t *testing.T) {
	s := startFront(t, &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var tooLarge *http.MaxBytesError
		content, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 10))
		if r.ContentLength > 10 != errors.As(err, &tooLarge) {
			t.Errorf("%d bytes: %v", r.ContentLength, err)
		}
		if tooLarge != nil {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
		}
		fmt.Fprint(w, len(content))
	})})
	for size, kept := range map[int]bool{5: true, 10: true, 11: true, 200 << 10: true, 300 << 10: false} {
		c := s.dial(t)
		fmt.Fprintf(c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s", size, strings.Repeat("y", size))
		if kept {
			io.WriteString(c, last)
		}
		out, err := io.ReadAll(c)
		if err != nil {
			t.Fatal(err)
		}
		first := map[bool]int{true: 200, false: 413}[size <= 10]
		want := []int{first}
		if kept {
			want = append(want, 200)
		}
		if got := statusesOf(t, string(out)); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%d bytes: %v, want %v", size, got, want)
		}
		if told := strings.HasPrefix(string(out), fmt.Sprintf("HTTP/1.1 %d", first)) && strings.Contains(strings.SplitN(string(out), "\r\n\r\n", 2)[0], "Connection: close"); told == kept {
			t.Errorf("%d bytes: Connection: close %v", size, told)
		}
	}
}

//go:build linux

package front_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/switchyard-gateway/switchyard/gateway/front"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

// sizedReads reads bodies with a buffer of the size that the request names, tells what the first read gave, and answers with
// the body.
func sizedReads(t *testing.T, first chan<- int) *http.Server {
	return &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		size, err := strconv.Atoi(r.Header.Get("X-Size"))
		if err != nil {
			t.Error(err)
		}
		p := make([]byte, size)
		var all []byte
		for err = nil; err == nil; {
			var n int
			if n, err = r.Body.Read(p); len(all) == 0 {
				first <- n
			}
			all = append(all, p[:n]...)
		}
		if err != io.EOF { //nolint:errorlint // io.Reader's contract
			t.Error(err)
		}
		_, _ = w.Write(all)
	})}
}

func sized(body string, read int) (head string) {
	return fmt.Sprintf("POST / HTTP/1.1\r\nHost: a\r\nX-Size: %d\r\nContent-Length: %d\r\n\r\n", read, len(body))
}

// What a read gives is what is there: it waits for its first byte only, and takes nothing of the request that follows.
func TestBodiesAreReadAsTheyCome(t *testing.T) {
	body := string(bytes.Repeat([]byte("0123456789abcdef"), 4000))
	for _, watched := range []bool{false, true} {
		first := make(chan int, 10)
		s := startFront(t, sizedReads(t, first), func(o *front.Options) {
			if watched {
				o.MinBodyRate = 1
			}
		})
		for _, size := range []int{1, 100, 4096, 5000, 64 << 10, 1 << 20} {
			c := s.dial(t)
			const sent = 3000
			_, _ = io.WriteString(c, sized(body, size)+body[:sent])
			if n := testbed.Receive(t, "the first read", first); n < 1 || n > min(size, sent) {
				t.Errorf("the first read of %d bytes gave %d of %d", size, n, sent)
			}
			next := strings.Repeat("next", 20)
			_, _ = io.WriteString(c, body[sent:]+sized(next, size)+next)
			r := bufio.NewReader(c)
			for _, want := range []string{body, next} {
				res, err := http.ReadResponse(r, nil)
				if err != nil {
					t.Fatal(err)
				}
				if got, err := io.ReadAll(res.Body); err != nil || string(got) != want {
					t.Errorf("reads of %d bytes: got %d bytes of %d, %v", size, len(got), len(want), err)
				}
			}
			<-first // of the next request
			c.Close()
		}
	}
}

// One read gives what came with the head and what came after it.
func TestOneReadGivesAllOfABodyThatIsThere(t *testing.T) {
	first := make(chan int, 1)
	s := startFront(t, sizedReads(t, first))
	body := strings.Repeat("x", 50_000)
	testbed.Eventually(t, "a body has come before it is read", func() bool { // which is a matter of luck
		c := s.dial(t)
		defer c.Close()
		_, _ = io.WriteString(c, sized(body, len(body))+body)
		n := testbed.Receive(t, "the first read", first)
		return n > 8192 // twice the memory for heads
	})
}

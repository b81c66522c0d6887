package load //nolint:testpackage // how answers are read decides the figures, and shows nowhere else

import (
	"fmt"
	"testing"
)

func TestAnswerIsReadTheSameHoweverItIsCut(t *testing.T) {
	const text = "HTTP/1.1 502 Bad Gateway\r\nServer: x\r\ncontent-LENGTH:  5 \r\nConnection: Close\r\n\r\nBhell"
	for first := range len(text) + 1 {
		for second := first; second <= len(text); second += 7 {
			var a answer
			a.reset()
			var done bool
			for _, part := range []string{text[:first], text[first:second], text[second:]} {
				if part == "" {
					continue
				}
				if done {
					t.Fatalf("cut at %d and %d: whole before its end", first, second)
				}
				var err error
				if done, err = a.read([]byte(part)); err != nil {
					t.Fatalf("cut at %d and %d: %v", first, second, err)
				}
			}
			if !done || a.status != 502 || a.first != 'B' || !a.closes {
				t.Fatalf("cut at %d and %d: done %v, %+v", first, second, done, a)
			}
		}
	}
}

func TestMalformedAnswers(t *testing.T) {
	for _, text := range []string{
		"HTTP/1.1 200 OK\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab",
		"HTTP/1.1 100 Continue\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1\r\n\r\n",
		"hello\r\n\r\n",
	} {
		var a answer
		if done, err := a.read([]byte(text)); err == nil {
			t.Errorf("%q was taken, whole: %v", text, done)
		}
	}
}

func TestEmptyAnswer(t *testing.T) {
	var a answer
	if done, err := a.read([]byte("HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n")); !done || err != nil {
		t.Errorf("done %v, %v", done, err)
	}
}

func TestReadingAnAnswerAllocatesNothing(t *testing.T) {
	text := []byte("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\nX-Request-Id: 1\r\n\r\n{}")
	var a answer
	if n := testing.AllocsPerRun(100, func() {
		a.reset()
		if done, err := a.read(text); !done || err != nil {
			panic(fmt.Sprint("the answer was not whole: ", err))
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

//go:build linux

package front_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// behaviours are the handlers of the conformance matrix: each is asked for by its path, on both servers.
var behaviours = map[string]http.HandlerFunc{
	"/echo": func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s %v", r.Method, b, err)
	},
	"/ignore":  func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "not read") },
	"/nothing": func(http.ResponseWriter, *http.Request) {},
	"/length": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "5")
		w.Header().Set("Content-Type", "text/x")
		io.WriteString(w, "12")
		io.WriteString(w, "345")
	},
	"/short": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "50")
		io.WriteString(w, "too little")
	},
	"/long": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "3")
		_, e1 := io.WriteString(w, "123")
		_, e2 := io.WriteString(w, "4")
		if e1 != nil || !errors.Is(e2, http.ErrContentLength) {
			panic("wrong errors")
		}
	},
	"/status": func(w http.ResponseWriter, r *http.Request) {
		n, _ := strconv.Atoi(r.URL.RawQuery)
		w.Header().Set("X-Status", r.URL.RawQuery)
		w.Header().Set("Content-Type", "text/plain")
		w.WriteHeader(n)
		if _, err := io.WriteString(w, "content"); err != nil && !errors.Is(err, http.ErrBodyNotAllowed) {
			panic(err)
		}
	},
	"/status-length": func(w http.ResponseWriter, r *http.Request) {
		n, _ := strconv.Atoi(r.URL.RawQuery)
		w.Header().Set("Content-Length", "0")
		w.WriteHeader(n)
	},
	"/sniff": func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "<!DOC")
		io.WriteString(w, "TYPE html><p>")
	},
	"/notype": func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Content-Type"] = nil
		io.WriteString(w, "<html>")
	},
	"/encoded": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		io.WriteString(w, "<html>")
	},
	"/date": func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Date"] = nil
		w.WriteHeader(200)
	},
	"/big": func(w http.ResponseWriter, r *http.Request) {
		n, _ := strconv.Atoi(r.URL.RawQuery)
		w.Write([]byte(strings.Repeat("x", n)))
	},
	"/big-length": func(w http.ResponseWriter, r *http.Request) {
		n, _ := strconv.Atoi(r.URL.RawQuery)
		w.Header().Set("Content-Length", r.URL.RawQuery)
		for ; n > 0; n -= min(n, 1000) {
			w.Write([]byte(strings.Repeat("y", min(n, 1000))))
		}
	},
	"/pieces": func(w http.ResponseWriter, _ *http.Request) {
		for i := range 40 {
			fmt.Fprintf(w, "%099d\n", i)
		}
	},
	"/flush": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for i := range 3 {
			fmt.Fprintf(w, "data: %d\n\n", i)
			w.(http.Flusher).Flush()
		}
	},
	"/flush-first": func(w http.ResponseWriter, _ *http.Request) {
		http.NewResponseController(w).Flush()
		io.WriteString(w, "after")
	},
	"/103": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", "</a>; rel=preload")
		w.WriteHeader(103)
		w.WriteHeader(103)
		w.Header().Del("Link")
		w.Header().Set("X-Final", "1")
		io.WriteString(w, "done")
	},
	"/twice": func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(201)
		w.WriteHeader(202)
	},
	"/late-header": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Early", "1")
		w.WriteHeader(200)
		w.Header().Set("X-Late", "1")
		w.Header().Set("X-Early", "2")
		io.WriteString(w, "body")
	},
	"/trailers": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Trailer", "X-Declared, Content-Length")
		io.WriteString(w, "body")
		w.Header().Set("X-Declared", "a\nb")
		w.Header().Set(http.TrailerPrefix+"X-Prefixed", "c")
	},
	"/prefixed": func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "body")
		http.NewResponseController(w).Flush()
		w.Header().Set(http.TrailerPrefix+"X-Prefixed", "c")
	},
	"/close": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Connection", "close")
		io.WriteString(w, "bye")
	},
	"/keep": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Connection", "keep-alive")
		io.WriteString(w, "stay")
	},
	"/split": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-A", "1\r\nX-Injected: 2\n\n<html>")
		w.Header().Set("X-B", "\t padded ")
		w.Header()["Bad Name"] = []string{"x"}
		w.Header()["Bad\r\nName"] = []string{"x"}
		w.Header()["X-Two"] = []string{"1", "2"}
	},
	"/abort": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	"/panic": func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "held back")
		panic("oops")
	},
	"/panic-late": func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, strings.Repeat("z", 3000))
		panic("oops")
	},
	"/panic-flushed": func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "part")
		http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	},
	"/read-after": func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(200)
		b, err := io.ReadAll(r.Body) // nothing has been flushed: still allowed
		fmt.Fprintf(w, "%d %v", len(b), err)
	},
	"/read-flushed": func(w http.ResponseWriter, r *http.Request) {
		http.NewResponseController(w).Flush()
		b, err := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%d %v", len(b), err)
	},
	"/duplex": func(w http.ResponseWriter, r *http.Request) {
		rc := http.NewResponseController(w)
		rc.EnableFullDuplex()
		rc.Flush()
		b, err := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%d %v", len(b), err)
	},
	"/close-body": func(w http.ResponseWriter, r *http.Request) {
		io.ReadFull(r.Body, make([]byte, 2))
		r.Body.Close()
		_, err := r.Body.Read(make([]byte, 1))
		fmt.Fprint(w, err)
	},
	"/facts": func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, facts(r)) },
	"/mutate": func(w http.ResponseWriter, r *http.Request) {
		clear(r.Header)
		r.URL.Path, r.Method, r.Host, r.Close = "/x", "X", "x", false
		r.Header.Set("X-Mutated", "1")
		r.SetPathValue("a", "b")
		w.WriteHeader(204)
	},
}

// facts is all that a handler can learn about a request.
func facts(r *http.Request) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %q %s %d.%d url=%+v user=%v host=%q len=%d te=%q close=%v trailer=%v tls=%v pattern=%q\n",
		r.Method, r.RequestURI, r.Proto, r.ProtoMajor, r.ProtoMinor, *r.URL, r.URL.User, r.Host, r.ContentLength,
		r.TransferEncoding, r.Close, r.Trailer, r.TLS, r.Pattern)
	keys := make([]string, 0, len(r.Header))
	for k := range r.Header {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		fmt.Fprintf(&b, "%s=%q\n", k, r.Header[k])
	}
	body, err := io.ReadAll(r.Body)
	fmt.Fprintf(&b, "nobody=%v body=%q %v", r.Body == http.NoBody, body, err)
	return b.String()
}

func behave(w http.ResponseWriter, r *http.Request) {
	if h := behaviours[r.URL.Path]; h != nil {
		h(w, r)
		return
	}
	http.NotFound(w, r)
}

const (
	get  = "GET %s HTTP/1.1\r\nHost: a\r\n\r\n"
	post = "POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
	last = "GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
)

// conformance is the input of the matrix: each is one connection's bytes.
func conformance() map[string]string {
	in := map[string]string{}
	for path := range behaviours {
		for _, query := range []string{"", "?5000", "?2048", "?2049", "?100000"} {
			if (query != "") == strings.HasPrefix(path, "/big") {
				in["GET "+path+query] = fmt.Sprintf(get, path+query) + last
				in["HEAD "+path+query] = strings.Replace(fmt.Sprintf(get, path+query), "GET", "HEAD", 1) + last
				in["POST "+path+query] = fmt.Sprintf(post, path+query) + last
			}
		}
		for _, status := range []string{"204", "304", "200", "404", "500", "599", "700"} {
			if strings.HasPrefix(path, "/status") {
				in["GET "+path+"?"+status] = fmt.Sprintf(get, path+"?"+status) + last
				in["HEAD "+path+"?"+status] = strings.Replace(fmt.Sprintf(get, path+"?"+status), "GET", "HEAD", 1) + last
			}
		}
		if strings.HasPrefix(path, "/big") {
			continue
		}
		in["close "+path] = strings.Replace(fmt.Sprintf(post, path), "Host", "Connection: close\r\nHost", 1) + last
		in["upload "+path] = strings.Replace(fmt.Sprintf(post, path), "5\r\n\r\nhello", "200000\r\n\r\n"+strings.Repeat("u", 200000), 1) + last
	}
	for name, shape := range shapes() {
		in["shape "+name] = shape + last
		in["second "+name] = fmt.Sprintf(get, "/facts") + shape + last
		in["after post "+name] = fmt.Sprintf(post, "/facts") + shape + last
	}
	in["pipeline"] = strings.Repeat(fmt.Sprintf(post, "/echo")+fmt.Sprintf(get, "/nothing"), 20) + last
	return in
}

// TestH05ConformsToNetHTTP holds the answers of the fast lane and of net/http against each other, connection by connection;
// both under guard.
func TestH05ConformsToNetHTTP(t *testing.T) {
	ours := startFront(t, &http.Server{Handler: http.HandlerFunc(behave)})
	theirs := startGuarded(t, &http.Server{Handler: http.HandlerFunc(behave)})
	for name, in := range conformance() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, want := exchange(t, ours, in, patience), exchange(t, theirs, in, patience)
			if diff := cmp.Diff(normal(want), normal(got)); diff != "" {
				t.Errorf("net/http (-), front (+):\n%s\nraw:\n%q", diff, clip(got))
			}
		})
	}
}

func clip(s string) string { return s[:min(len(s), 600)] }

var (
	dateField  = regexp.MustCompile(`Date: [^\r\n]*GMT\r\n`)
	statusLine = regexp.MustCompile(`HTTP/1\.1 \d{3} `)
)

// normal splits a stream of answers into lines, with the fields of each head sorted and the Date blanked out.
func normal(s string) []string {
	s = dateField.ReplaceAllString(s, "Date\r\n")
	s = statusLine.ReplaceAllString(s, "\n$0") // content need not end a line
	var out, head []string
	inHead := false
	for line := range strings.SplitAfterSeq(s, "\n") {
		switch {
		case strings.HasPrefix(line, "HTTP/1.1 "):
			inHead = true
			out = append(out, line)
		case inHead && line != "\r\n":
			head = append(head, line)
		default:
			slices.Sort(head)
			out = append(append(out, head...), line)
			inHead, head = false, nil
		}
	}
	return append(out, head...)
}

// TestH05FastLaneTakesPlainRequests keeps the matrix honest: plain requests do not end up with net/http.
func TestH05FastLaneTakesPlainRequests(t *testing.T) {
	lane := func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, isFast(r)) }
	s := startFront(t, &http.Server{Handler: http.HandlerFunc(lane)})
	for in, want := range map[string]string{
		fmt.Sprintf(get, "/v1/a?b=%20c"): "truetrue", fmt.Sprintf(post, "/v1/a:predict"): "truetrue",
		fmt.Sprintf(get, "/a%20b"): "falsefalse", fmt.Sprintf(get, "http://a/"): "falsefalse",
	} {
		got := strings.Join(contents(exchange(t, s, in+last, patience)), "")
		if got != want {
			t.Errorf("%q: fast lane %s, want %s", in, got, want)
		}
	}
}

// contents are the bodies of a stream of answers.
func contents(s string) (all []string) {
	br := bufio.NewReader(strings.NewReader(s))
	for {
		resp, err := http.ReadResponse(br, nil)
		if err != nil {
			return all
		}
		b, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		all = append(all, string(b))
	}
}

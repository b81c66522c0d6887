//go:build linux

package front_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// smuggled follows every shape: nobody but a reader who was led astray takes it for a request of its own.
const smuggled = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"

// refusedShapes are the published shapes of request smuggling and their kin: the bytes of one connection, that have to be
// refused before any of them reaches a deployment as a request.
func refusedShapes() map[string]string {
	head := func(fields string) string { return "POST /x HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n" }
	te := func(field string) string { return head(field+"\r\n") + "0\r\n\r\n" }
	length := func(value string) string { return head("Content-Length: "+value+"\r\n") + "hello" }
	chunks := func(chunks string) string { return head("Transfer-Encoding: chunked\r\n") + chunks }
	line := func(line string) string { return line + "\r\nHost: a\r\n\r\n" }
	get := func(fields string) string { return "GET /x HTTP/1.1\r\n" + fields + "\r\n" }
	return map[string]string{
		"CL.TE":                 head("Content-Length: 6\r\nTransfer-Encoding: chunked\r\n") + "0\r\n\r\nG",
		"TE.CL":                 head("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n") + "5\r\nhello\r\n0\r\n\r\n",
		"CL.TE, CL zero":        head("Content-Length: 0\r\nTransfer-Encoding: chunked\r\n") + "0\r\n\r\n",
		"CL.TE, odd names":      head("content-length: 6\r\nTRANSFER-encoding: Chunked\r\n") + "0\r\n\r\nG",
		"CL.TE with GET":        get("Host: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n") + "0\r\n\r\n",
		"CL.xTE":                head("Content-Length: 5\r\nTransfer-Encoding: xchunked\r\n") + "0\r\n\r\n",
		"TE.TE, cow":            te("Transfer-Encoding: chunked\r\nTransfer-Encoding: cow"),
		"TE.TE, cow first":      te("Transfer-Encoding: cow\r\nTransfer-Encoding: chunked"),
		"TE.TE, twice":          te("Transfer-Encoding: chunked\r\nTransfer-encoding: chunked"),
		"TE.TE, x":              te("Transfer-Encoding: chunked\r\nTransfer-encoding: x"),
		"TE xchunked":           te("Transfer-Encoding: xchunked"),
		"TE chunkedx":           te("Transfer-Encoding: chunkedx"),
		"TE empty":              te("Transfer-Encoding:"),
		"TE identity":           te("Transfer-Encoding: identity"),
		"TE chunked, identity":  te("Transfer-Encoding: chunked, identity"),
		"TE identity, chunked":  te("Transfer-Encoding: identity, chunked"),
		"TE gzip, chunked":      te("Transfer-Encoding: gzip, chunked"),
		"TE chunked, chunked":   te("Transfer-Encoding: chunked, chunked"),
		"TE comma":              te("Transfer-Encoding: chunked,"),
		"TE leading comma":      te("Transfer-Encoding: ,chunked"),
		"TE parameter":          te("Transfer-Encoding: chunked;q=0.5"),
		"TE quoted":             te(`Transfer-Encoding: "chunked"`),
		"TE apostrophes":        te("Transfer-Encoding: 'chunked'"),
		"TE name space":         te("Transfer-Encoding : chunked"),
		"TE name tab":           te("Transfer-Encoding\t: chunked"),
		"TE leading space":      te(" Transfer-Encoding: chunked"),
		"TE leading tab":        te("\tTransfer-Encoding: chunked"),
		"TE folded":             te("Transfer-Encoding:\r\n chunked"),
		"TE folded, tab":        te("Transfer-Encoding:\r\n\tchunked"),
		"TE folded twice":       te("Transfer-Encoding: chun\r\n \r\n ked"),
		"TE vertical tab":       te("Transfer-Encoding: \x0bchunked"),
		"TE vertical tab after": te("Transfer-Encoding: chunked\x0b"),
		"TE form feed":          te("Transfer-Encoding: \x0cchunked"),
		"TE backspace":          te("Transfer-Encoding: \bchunked"),
		"TE NUL":                te("Transfer-Encoding: chunked\x00"),
		"TE DEL":                te("Transfer-Encoding: chunked\x7f"),
		"TE no-break space":     te("Transfer-Encoding: \xa0chunked"),
		"TE UTF-8 space":        te("Transfer-Encoding: \xc2\xa0chunked"),
		"TE Kelvin":             te("Transfer-Encoding: chun\u212aed"),
		"TE CR":                 te("Transfer-Encoding: chunked\r"),
		"TE bare CR before":     te("X: x\rTransfer-Encoding: chunked"),
		"TE bare LF before":     te("X: x\nTransfer-Encoding: chunked"),
		"TE bare LF after":      te("Transfer-Encoding: chunked\nX: x"),
		"TE name in quotes":     te(`"Transfer-Encoding": chunked`),
		"TE name NUL":           te("Transfer-Encoding\x00: chunked"),
		"TE name form feed":     te("Transfer-Encoding\x0c: chunked"),
		"TE name long s":        te("Tran\u017ffer-Encoding: chunked"),
		"TE equals":             te("Transfer-Encoding=chunked"),
		"TE in HTTP/1.0":        "POST /x HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"TE in HTTP/1.0, kept":  "POST /x HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"TE and CL in HTTP/1.0": "POST /x HTTP/1.0\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",

		"CL plus":          length("+5"),
		"CL minus":         length("-5"),
		"CL minus zero":    length("-0"),
		"CL hex":           length("0x5"),
		"CL underscore":    length("0_5"),
		"CL point":         length("5.0"),
		"CL exponent":      length("5e0"),
		"CL list":          length("5,5"),
		"CL list, differs": length("5, 6"),
		"CL list, empty":   length("5,"),
		"CL inner space":   length("5 0"),
		"CL quoted":        length(`"5"`),
		"CL empty":         length(""),
		"CL word":          length("five"),
		"CL NUL":           length("5\x00"),
		"CL vertical tab":  length("\x0b5"),
		"CL CR":            length("5\r"),
		"CL fullwidth":     length("\uff15"),
		"CL 2^63":          length("9223372036854775808"),
		"CL 2^64+5":        length("18446744073709551621"),
		"CL differ":        length("5\r\nContent-Length: 6"),
		"CL differ, zero":  length("0\r\nContent-Length: 5"),
		"CL differ, zeros": length("5\r\nContent-Length: 05"),
		"CL twice":         length("5\r\nContent-Length: 5"),
		"CL name space":    head("Content-Length : 5\r\n") + "hello",
		"CL folded":        length("\r\n 5"),
		"CL folded on":     length("1\r\n 0"),

		"chunk size 0x":           chunks("0x1\r\nh\r\n0\r\n\r\n"),
		"chunk size space before": chunks(" 1\r\nh\r\n0\r\n\r\n"),
		"chunk size space behind": chunks("1 \r\nh\r\n0\r\n\r\n"),
		"chunk size tab behind":   chunks("1\t\r\nh\r\n0\r\n\r\n"),
		"chunk size space ext":    chunks("1 ;ext\r\nh\r\n0\r\n\r\n"),
		"chunk size plus":         chunks("+1\r\nh\r\n0\r\n\r\n"),
		"chunk size minus":        chunks("-1\r\nh\r\n0\r\n\r\n"),
		"chunk size underscore":   chunks("0_1\r\nh\r\n0\r\n\r\n"),
		"chunk size empty":        chunks("\r\nh\r\n0\r\n\r\n"),
		"chunk size only ext":     chunks(";ext\r\nh\r\n0\r\n\r\n"),
		"chunk size word":         chunks("g\r\nh\r\n0\r\n\r\n"),
		"chunk size 2^64+1":       chunks("10000000000000001\r\nh\r\n0\r\n\r\n"),
		"chunk size 2^64-1":       chunks("ffffffffffffffff\r\nh\r\n0\r\n\r\n"),
		"chunk size many zeros":   chunks(strings.Repeat("0", 17) + "1\r\nh\r\n0\r\n\r\n"),
		"chunk size bare LF":      chunks("1\nh\r\n0\r\n\r\n"),
		"chunk size bare CR":      chunks("1\rh\r\n0\r\n\r\n"),
		"chunk size CR CR LF":     chunks("1\r\r\nh\r\n0\r\n\r\n"),
		"chunk size last bare LF": chunks("1\r\nh\r\n0\n\r\n"),
		"chunk size last CR":      chunks("1\r\nh\r\n0\r\r\n\r\n"),
		"chunk ext bare LF":       chunks("1;ext\nh\r\n0\r\n\r\n"),
		"chunk ext bare LF, line": chunks("2;\n__\r\n0\r\n\r\n"),
		"chunk ext bare CR":       chunks("1;ext\rh\r\nh\r\n0\r\n\r\n"),
		"chunk ext NUL":           chunks("1;e\x00xt\r\nh\r\n0\r\n\r\n"),
		"chunk ext long":          chunks("1;" + strings.Repeat("x", 3000) + "\r\nh\r\n0\r\n\r\n"),
		"chunk ext huge":          chunks("1;" + strings.Repeat("x", 30_000) + "\r\nh\r\n0\r\n\r\n"),
		"chunk exts, too many":    chunks(strings.Repeat("1;"+strings.Repeat("x", 1000)+"\r\nh\r\n", 20) + "0\r\n\r\n"),
		"chunk data bare LF":      chunks("1\r\nh\n0\r\n\r\n"),
		"chunk data bare CR":      chunks("1\r\nh\r0\r\n\r\n"),
		"chunk data LF CR":        chunks("1\r\nh\n\r0\r\n\r\n"),
		"chunk data too long":     chunks("1\r\nhello\r\n0\r\n\r\n"),
		"chunk data two bytes":    chunks("1\r\nhXX0\r\n\r\n"),
		"trailer TE":              chunks("0\r\nTransfer-Encoding: chunked\r\n\r\n"),
		"trailer CL":              chunks("1\r\nh\r\n0\r\nContent-Length: 50\r\n\r\n"),
		"trailer Host":            chunks("0\r\nhost: b\r\n\r\n"),
		"trailer folded":          chunks("0\r\nX: a\r\n b\r\n\r\n"),
		"trailer bare LF":         chunks("0\r\nX: a\nY: b\r\n\r\n"),
		"trailer end bare LF":     chunks("0\r\n\n"),
		"trailer no colon":        chunks("0\r\nGET / HTTP/1.1\r\n\r\n"),
		"trailer name space":      chunks("0\r\nX : a\r\n\r\n"),
		"trailer NUL":             chunks("0\r\nX: \x00\r\n\r\n"),
		"Trailer announces CL":    head("Transfer-Encoding: chunked\r\nTrailer: Content-Length\r\n") + "0\r\n\r\n",

		"Host twice":          get("Host: a\r\nHost: b\r\n"),
		"Host twice, equal":   get("Host: a\r\nhost: a\r\n"),
		"Host twice, empty":   get("Host:\r\nHost: a\r\n"),
		"Host missing":        get(""),
		"Host CONNECT":        "CONNECT a:80 HTTP/1.1\r\n\r\n",
		"Host space":          get("Host: a b\r\n"),
		"Host path":           get("Host: a/b\r\n"),
		"Host user":           get("Host: u@a\r\n"),
		"Host NUL":            get("Host: a\x00b\r\n"),
		"Host name space":     get("Host : a\r\n"),
		"Host folded":         get("Host:\r\n a\r\n"),
		"Host UTF-8":          get("Host: \xc3\xa9\r\n"),
		"Host twice absolute": "GET http://a/x HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",

		"obs-fold":           get("Host: a\r\nX: b\r\n c\r\n"),
		"obs-fold tab":       get("Host: a\r\nX: b\r\n\tc\r\n"),
		"obs-fold first":     get(" X: b\r\nHost: a\r\n"),
		"obs-fold empty":     get("Host: a\r\nX: b\r\n \r\n"),
		"space before colon": get("Host: a\r\nX : b\r\n"),
		"no colon":           get("Host: a\r\nX\r\n"),
		"empty name":         get("Host: a\r\n: b\r\n"),
		"name with slash":    get("Host: a\r\nX/Y: b\r\n"),
		"name UTF-8":         get("Host: a\r\nX-\xc3\xa9: b\r\n"),
		"NUL in value":       get("Host: a\r\nX: \x00\r\n"),
		"bare CR in value":   get("Host: a\r\nX: a\rb\r\n"),
		"bare CR head":       "GET /x HTTP/1.1\rHost: a\r\r",
		"bare LF in head":    get("Host: a\nX: b\r\n"),
		"bare LF after line": "GET /x HTTP/1.1\nHost: a\r\n\r\n",
		"bare LF throughout": "GET /x HTTP/1.1\nHost: a\n\n",
		"bare LF at the end": "GET /x HTTP/1.1\r\nHost: a\r\n\n",
		"LF CR":              "GET /x HTTP/1.1\n\rHost: a\n\r\n\r",
		"CR CR LF":           "GET /x HTTP/1.1\r\r\nHost: a\r\r\n\r\r\n",
		"CR at the end":      get("Host: a\r\n\r"),

		"HTTP/0.9":          "GET /x\r\n",
		"HTTP/0.9 with CR":  "GET /x\r\n\r\n",
		"no version":        line("GET /x "),
		"http/1.1":          line("GET /x http/1.1"),
		"HTTP/1":            line("GET /x HTTP/1"),
		"HTTP/1.1x":         line("GET /x HTTP/1.1x"),
		"HTTP/11.1":         line("GET /x HTTP/11.1"),
		"HTTP/1.10":         line("GET /x HTTP/1.10"),
		"HTTP/+1.1":         line("GET /x HTTP/+1.1"),
		"tab in line":       line("GET\t/x HTTP/1.1"),
		"tab after target":  line("GET /x\tHTTP/1.1"),
		"tab in target":     line("GET /x\ty HTTP/1.1"),
		"two spaces first":  line("GET  /x HTTP/1.1"),
		"two spaces second": line("GET /x  HTTP/1.1"),
		"space at the end":  line("GET /x HTTP/1.1 "),
		"space before":      line(" GET /x HTTP/1.1"),
		"space in target":   line("GET /x y HTTP/1.1"),
		"vertical tab":      line("GET\x0b/x HTTP/1.1"),
		"NUL in target":     line("GET /\x00 HTTP/1.1"),
		"DEL in target":     line("GET /\x7f HTTP/1.1"),
		"two versions":      line("GET /x HTTP/1.1 HTTP/1.1"),
		"fragment":          line("GET /x#y HTTP/1.1"),
		"fragment in query": line("GET /x?y#z HTTP/1.1"),
		"method with colon": line("GET: /x HTTP/1.1"),
		"method NUL":        line("GE\x00T /x HTTP/1.1"),
		"relative target":   line("GET x HTTP/1.1"),
		"bad escape":        line("GET /%zz HTTP/1.1"),
		"leading CRLF":      "\r\n" + line("GET /x HTTP/1.1"),
		"leading LF":        "\n" + line("GET /x HTTP/1.1"),
		"leading CRLFs":     strings.Repeat("\r\n", 5) + line("GET /x HTTP/1.1"),
		"preface with Host": "PRI * HTTP/2.0\r\nHost: a\r\n\r\n",
		"preface with CL":   "PRI * HTTP/2.0\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"PRI":               line("PRI /x HTTP/1.1"),
		"garbage":           "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
	}
}

// passingShapes look odd but are legal, or cannot be misread: that many requests.
func passingShapes() map[string]struct {
	in   string
	want int
} {
	head := func(fields string) string { return "POST /x HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n" }
	line := func(line string) string { return line + "\r\nHost: a\r\n\r\n" }
	type shape = struct {
		in   string
		want int
	}
	return map[string]shape{
		"content is a request": {head("Content-Length: 35\r\n") + smuggled, 1},
		"chunk is a request":   {head("Transfer-Encoding: chunked\r\n") + "23\r\n" + smuggled + "\r\n0\r\n\r\n", 1},
		"chunked":              {head("Transfer-Encoding:\tChunked \r\n") + "1\r\nh\r\n0\r\n\r\n", 1},
		"chunk extensions":     {head("Transfer-Encoding: chunked\r\n") + "01;a=\"b;\\\"\";c; d = e \r\nh\r\n000;x\r\n\r\n", 1},
		"chunk signatures":     {head("Transfer-Encoding: chunked\r\n") + strings.Repeat("40;s="+strings.Repeat("f", 64)+"\r\n"+strings.Repeat("h", 64)+"\r\n", 500) + "0\r\n\r\n", 1},
		"chunk per byte":       {head("Transfer-Encoding: chunked\r\n") + strings.Repeat("1\r\nh\r\n", 5000) + "0\r\n\r\n", 1},
		"trailers":             {head("Transfer-Encoding: chunked\r\nTrailer: X\r\n") + "1\r\nh\r\n0\r\nX: y\r\nY:\r\n\r\n", 1},
		"CL zero":              {head("Content-Length: 0\r\n"), 1},
		"CL zeros":             {head("Content-Length: 005\r\n") + "hello", 1},
		"CL padded":            {head("Content-Length:\t 5 \t\r\n") + "hello", 1},
		"CL with GET":          {"GET /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", 1},
		"CL underscore name":   {head("Content_Length: 5\r\n"), 1},
		"TE underscore name":   {head("Transfer_Encoding: chunked\r\n"), 1},
		"CRLF after POST":      {head("Content-Length: 5\r\n") + "hello\r\n", 1},
		"CRLFs after POST":     {head("Content-Length: 5\r\n") + "hello\r\n\r\n", 1},
		"absolute-form":        {line("GET http://b/x HTTP/1.1"), 1},
		"lower-case method":    {line("get /x HTTP/1.1"), 1},
		"unknown method":       {line("BREW /x HTTP/1.1"), 1},
		"HTTP/1.2":             {line("GET /x HTTP/1.2"), 1},
		"HTTP/1.0 kept":        {"GET /x HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n", 1},
		"empty values":         {head("X:\r\nY: \t \r\n"), 1},
		"obs-text":             {head("X: \xe9\xff\r\n"), 1},
		"tab in value":         {head("X: a\tb\r\n"), 1},
		"UTF-8 target":         {line("GET /\xc3\xa9 HTTP/1.1"), 1},
		"empty Host":           {"GET /x HTTP/1.1\r\nHost:\r\n\r\n", 1},
		"IPv6 Host":            {"GET /x HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", 1},
		"Expect":               {head("Expect: 100-continue\r\nContent-Length: 5\r\n") + "hello", 1},
		"Upgrade, not done":    {"GET /x HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: tea\r\n\r\n", 1},
		"Upgrade with content": {head("Connection: Upgrade\r\nUpgrade: tea\r\nContent-Length: 35\r\n") + smuggled, 1},
		"h2c, not done":        {head("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n"), 1},
		"pipeline":             {strings.Repeat(head("Transfer-Encoding: chunked\r\n")+"1\r\nh\r\n0\r\n\r\n"+head("Content-Length: 5\r\n")+"hello"+line("GET /x HTTP/1.1"), 10), 30},
	}
}

// deployment counts the requests that reach it, by reading its connections strictly.
type deployment struct {
	addr string
	mu   sync.Mutex
	seen []string
}

func newDeployment(t *testing.T) *deployment {
	t.Helper()
	l := listen(t)
	d := &deployment{addr: l.Addr().String()}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { d.serve(c) })
		}
	})
	t.Cleanup(func() { l.Close(); serving.Wait() })
	return d
}

// serve answers each complete request of a connection.
func (d *deployment) serve(c net.Conn) {
	defer c.Close()
	in := ""
	for buf := make([]byte, 64<<10); ; {
		n, err := c.Read(buf)
		requests, rest := strictRequests(in + string(buf[:n]))
		in = rest
		for _, request := range requests {
			line, _, _ := strings.Cut(request, "\r\n")
			d.mu.Lock()
			d.seen = append(d.seen, line)
			d.mu.Unlock()
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		}
		if err != nil {
			return
		}
	}
}

func (d *deployment) requests() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.seen)
}

// forwarding is the least that a gateway does.
func forwarding(t *testing.T, d *deployment) http.Handler {
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		out, err := http.NewRequestWithContext(r.Context(), r.Method, "http://"+d.addr+r.URL.RequestURI(), r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		out.Host, out.ContentLength = r.Host, r.ContentLength
		for name, values := range r.Header {
			if name != "Connection" && name != "Upgrade" && name != "Expect" && name != "Http2-Settings" {
				out.Header[name] = slices.Clone(values)
			}
		}
		resp, err := transport.RoundTrip(out)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		defer resp.Body.Close()
		io.Copy(w, resp.Body)
	})
}

// lanes are the two ways in, by the word that hello has for them.
var lanes = map[string]func(testing.TB, *http.Server) *running{
	"std":  startGuarded,
	"fast": func(tb testing.TB, std *http.Server) *running { tb.Helper(); return startFront(tb, std) },
}

// TestH05SmugglingIsRefused: a published shape, as the first request of a connection or behind another, is answered with
// 400, the connection is closed, and neither it nor what follows it reaches the deployment.
func TestH05SmugglingIsRefused(t *testing.T) {
	for lane, start := range lanes {
		for name, shape := range refusedShapes() {
			t.Run(lane+"/"+name, func(t *testing.T) {
				t.Parallel()
				for _, before := range []int{0, 1} {
					in := strings.Repeat(fmt.Sprintf(get, "/before"), before) + shape + smuggled
					d := newDeployment(t)
					s := start(t, &http.Server{Handler: forwarding(t, d)})
					statuses := statusesOf(t, exchange(t, s, in, patience))
					want := append(slices.Repeat([]int{200}, before), 400)
					if diff := cmp.Diff(want, statuses); diff != "" {
						t.Errorf("statuses, want (-), got (+):\n%s", diff)
					}
					if diff := cmp.Diff(slices.Repeat([]string{"GET /before HTTP/1.1"}, before), d.requests(), cmpopts.EquateEmpty()); diff != "" {
						t.Errorf("at the deployment, want (-), got (+):\n%s", diff)
					}
				}
			})
		}
	}
}

// TestH05LegalShapesPass: what looks like smuggling and is not arrives as often as it was sent, and the connection goes on.
func TestH05LegalShapesPass(t *testing.T) {
	for lane, start := range lanes {
		for name, shape := range passingShapes() {
			t.Run(lane+"/"+name, func(t *testing.T) {
				t.Parallel()
				d := newDeployment(t)
				s := start(t, &http.Server{Handler: forwarding(t, d)})
				statuses := statusesOf(t, exchange(t, s, shape.in+last, patience))
				if diff := cmp.Diff(slices.Repeat([]int{200}, shape.want+1), statuses); diff != "" {
					t.Errorf("statuses, want (-), got (+):\n%s", diff)
				}
				if got := d.requests(); len(got) != shape.want+1 || got[shape.want] != "GET /last HTTP/1.1" {
					t.Errorf("%d requests at the deployment, want %d: %q", len(got), shape.want+1, got)
				}
			})
		}
	}
}

// TestH05StrictReaderAgrees holds the two tables against the strict reader of the fuzz targets.
func TestH05StrictReaderAgrees(t *testing.T) {
	for name, in := range refusedShapes() {
		// The last are about more than grammar: how net/http bounds extensions, and its targets.
		beyond := slices.Contains([]string{
			"chunk exts, too many", "Trailer announces CL", "relative target", "bad escape",
			"leading CRLF", "leading LF", "chunk size many zeros",
		}, name)
		if requests, _ := strictRequests(in); len(requests) > 0 && !beyond {
			t.Errorf("%s: %q", name, requests)
		}
	}
	for name, shape := range passingShapes() {
		if requests, rest := strictRequests(shape.in); len(requests) != shape.want || strings.Trim(rest, "\r\n") != "" {
			t.Errorf("%s: %d requests and %q, want %d", name, len(requests), rest, shape.want)
		}
	}
}

// statusesOf are those of the final answers of a stream, which must consist of answers.
func statusesOf(t *testing.T, stream string) (statuses []int) {
	t.Helper()
	for br := bufio.NewReader(strings.NewReader(stream)); ; {
		if _, err := br.Peek(1); err != nil {
			return statuses
		}
		resp, err := http.ReadResponse(br, nil)
		if err != nil {
			t.Fatalf("%v in %q", err, stream)
		}
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			t.Fatalf("%v in %q", err, stream)
		}
		resp.Body.Close()
		if resp.StatusCode >= 200 {
			statuses = append(statuses, resp.StatusCode)
		}
	}
}

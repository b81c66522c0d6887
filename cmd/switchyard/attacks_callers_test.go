package main

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/switchyard-gateway/switchyard/access"
)

// timedKeys share more and more letters with a good one. What a caller could learn from
// is a difference that stays: the same way through ten comparisons.
func timedKeys(b *besieged) (tried, through int) {
	const rounds = 10
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	last := len(b.key) - 1
	far, _ := access.NewKey()
	for far[last] == b.key[last] {
		far, _ = access.NewKey()
	}
	for _, right := range []int{4, 12, 24, 36, last} {
		slower, faster := 0, 0
		for range rounds {
			tried += 2 * timedTurns
			switch ratio := b.compareTimes(client, b.key[:right]+far[right:], far); {
			case ratio > 1.1:
				slower++
			case ratio < 0.9:
				faster++
			}
		}
		if slower == rounds || faster == rounds {
			b.t.Errorf("a key that is right in its first %d letters is refused in another time", right)
			through++
		}
	}
	return tried, through
}

// timedTurns is how often each of two keys is asked with.
const timedTurns = 25

// compareTimes is how many times as long one key is refused in as another, asked in turn.
func (b *besieged) compareTimes(client *http.Client, one, other string) float64 {
	var took [2][]time.Duration
	for range timedTurns {
		for i, key := range []string{one, other} {
			r, err := http.NewRequestWithContext(b.t.Context(), http.MethodPost, "http://"+b.listen+"/v1/pricing", http.NoBody)
			must0(b.t, err)
			r.Header.Set("Authorization", key)
			began := time.Now()
			res, err := client.Do(r)
			took[i] = append(took[i], time.Since(began))
			must0(b.t, err)
			res.Body.Close()
			if res.StatusCode != http.StatusUnauthorized {
				b.t.Errorf("a wrong key was answered with %d", res.StatusCode)
			}
		}
	}
	slices.Sort(took[0])
	slices.Sort(took[1])
	return float64(took[0][timedTurns/2]) / float64(took[1][timedTurns/2])
}

// requestsAboveRate are let in up to the burst of twenty.
func requestsAboveRate(b *besieged) (tried, through int) {
	const callers, each, burst = 20, 10, 20
	var sending sync.WaitGroup
	var admitted, broken atomic.Int64
	for range callers {
		sending.Go(func() {
			for range each {
				switch got := b.send(sent{path: "/v1/rated"}); {
				case got.status == http.StatusOK:
					admitted.Add(1)
				case got.status != http.StatusTooManyRequests || got.header.Get("Retry-After") == "" || got.header.Get("RateLimit-Limit") != strconv.Itoa(burst):
					broken.Add(1)
				}
			}
		})
	}
	sending.Wait()
	if broken.Load() > 0 {
		b.t.Errorf("%d answers say nothing of the limit", broken.Load())
	}
	return callers*each - burst, int(max(0, admitted.Load()-burst))
}

// bodiesAboveLimit are longer than all bodies of an endpoint may be together.
func bodiesAboveLimit(b *besieged) (tried, through int) {
	var all []sent
	for _, size := range []int{101, 150, 1000, 4000} {
		body := `{"user": "` + strings.Repeat("x", size-12) + `"}`
		all = append(all,
			sent{path: "/v1/narrow", fields: []string{"Content-Length: " + strconv.Itoa(size)}, body: body},
			sent{path: "/v1/narrow", fields: []string{"Transfer-Encoding: chunked"}, body: strconv.FormatInt(int64(size), 16) + "\r\n" + body + "\r\n0\r\n\r\n"},
			sent{path: "/v1/narrow", fields: []string{"Transfer-Encoding: chunked"}, body: "1\r\n{\r\n" + strconv.FormatInt(int64(size-1), 16) + "\r\n" + body[1:] + "\r\n0\r\n\r\n"},
		)
	}
	return b.refusedAll(all, http.StatusRequestEntityTooLarge)
}

// nearOrigins are told nothing, and their preflight requests reach no deployment.
func nearOrigins(b *besieged) (tried, through int) {
	const app = "https://app.example.com"
	preflight := []string{"Access-Control-Request-Method: POST", "Access-Control-Request-Headers: authorization"}
	if got := b.send(sent{path: "/v1/paged", fields: []string{"Origin: " + app}}); got.header.Get("Access-Control-Allow-Origin") != app {
		b.t.Errorf("the page that may call is told %v", got.header)
	}
	for _, origin := range []string{
		"https://app.example.com.evil.example", "https://evil-app.example.com", "https://evil.app.example.com", "http://app.example.com", "https://app.example.com:8443", "https://app.example.comx",
		"https://evil.example/app.example.com", "https://app.example.com@evil.example", "null", "*", "https://*", "https://app.example.com/", "https://app.example.com https://evil.example", "file://",
	} {
		before := b.model.count()
		asked := b.send(sent{method: "OPTIONS", path: "/v1/paged", fields: append([]string{"Origin: " + origin}, preflight...)})
		if b.model.count() != before {
			b.t.Errorf("the preflight request of %s reached the deployment", origin)
			through++
		}
		for _, got := range []gotten{asked, b.send(sent{path: "/v1/paged", fields: []string{"Origin: " + origin}})} {
			tried++
			if said := got.header.Get("Access-Control-Allow-Origin") + got.header.Get("Access-Control-Allow-Credentials"); said != "" {
				b.t.Errorf("a page of %s is told %s", origin, said)
				through++
			}
		}
	}
	return tried, through
}

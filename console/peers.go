package console

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// peer is another gateway.
type peer struct {
	URL    string
	Commit string
	Since  time.Time
	Error  string
}

// Peers are asked at most every so often, and given so long.
const (
	peersEvery  = 5 * time.Second
	peersWithin = 2 * time.Second
	mostStatus  = 4 << 20
)

// peers are the other gateways, as they were asked last.
type peers struct {
	mu   sync.Mutex
	at   time.Time
	last []peer
}

// ask asks all of them at once what they serve.
func (p *peers) ask(ctx context.Context, urls []string, now time.Time) []peer {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now.Sub(p.at) < peersEvery {
		return p.last
	}
	ctx, cancel := context.WithTimeout(ctx, peersWithin)
	defer cancel()
	all := make([]peer, len(urls))
	var asking sync.WaitGroup
	for i, u := range urls {
		asking.Go(func() { all[i] = askPeer(ctx, u) })
	}
	asking.Wait()
	p.at, p.last = now, all
	return all
}

func askPeer(ctx context.Context, base string) peer {
	out := peer{URL: base}
	var answer struct {
		Revision *struct {
			Commit string    `json:"commit"`
			Since  time.Time `json:"since"`
		} `json:"revision"`
	}
	if err := getJSON(ctx, base, &answer); err != nil {
		out.Error = err.Error()
		return out
	}
	if answer.Revision != nil {
		out.Commit, out.Since = answer.Revision.Commit, answer.Revision.Since
	}
	return out
}

func getJSON(ctx context.Context, base string, into any) error {
	at, err := url.JoinPath(base, "status")
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, at, http.NoBody)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return fmt.Errorf("it cannot be asked: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("it answers %s", response.Status)
	}
	return json.NewDecoder(io.LimitReader(response.Body, mostStatus)).Decode(into)
}

package console

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
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

// Peers are asked at most every so often, and given so long where nobody says how long.
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
func (p *peers) ask(ctx context.Context, o Peers, now time.Time) []peer {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now.Sub(p.at) < peersEvery {
		return p.last
	}
	ctx, cancel := forAll(ctx, cmp.Or(o.Within, peersWithin))
	defer cancel()
	all := make([]peer, len(o.URLs))
	var asking sync.WaitGroup
	for i, u := range o.URLs {
		asking.Go(func() { all[i] = o.ask(ctx, u) })
	}
	asking.Wait()
	p.at, p.last = now, all
	return all
}

// ask asks one of them.
func (o *Peers) ask(ctx context.Context, base string) peer {
	out := peer{URL: base}
	var answer struct {
		Revision *struct {
			Commit string    `json:"commit"`
			Since  time.Time `json:"since"`
		} `json:"revision"`
	}
	if err := o.status(ctx, base, &answer); err != nil {
		out.Error = err.Error()
		return out
	}
	if answer.Revision != nil {
		out.Commit, out.Since = answer.Revision.Commit, answer.Revision.Since
	}
	return out
}

// status reads what a gateway says of itself. A redirect is not followed: the
// token is for whom the settings name.
func (o *Peers) status(ctx context.Context, base string, into any) error {
	at, err := url.JoinPath(base, "status")
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, at, http.NoBody)
	if err != nil {
		return err
	}
	if err := o.sign(r); err != nil {
		return err
	}
	client := http.Client{Transport: o.Transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(r)
	if err != nil {
		return fmt.Errorf("it cannot be asked: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("it answers %s", response.Status)
	}
	return json.NewDecoder(io.LimitReader(response.Body, mostStatus)).Decode(into)
}

// sign puts the token into a request: the first of what there is.
func (o *Peers) sign(r *http.Request) error {
	if o.Token == nil {
		return nil
	}
	text, err := o.Token()
	if err != nil {
		return fmt.Errorf("read the token for it: %w", err)
	}
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			r.Header.Set("Authorization", "Bearer "+line)
			return nil
		}
	}
	return errors.New("there is no token for it where one is said to be")
}

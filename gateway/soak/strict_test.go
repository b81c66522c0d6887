package soak_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/switchyard-gateway/switchyard/deployments"
	"github.com/switchyard-gateway/switchyard/gateway/forward"
	"github.com/switchyard-gateway/switchyard/gateway/record"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
)

// strict is two models of three replicas each that must not get a request twice, the
// gateway before them, and their callers.
type strict struct {
	t      *testing.T
	p      *process
	models map[string][]*model
	reads  map[string]func(body io.Reader) (whole bool, err error) // answers with status 200
	client *http.Client

	mu       sync.Mutex
	sent     int64
	arrived  map[string]int     // requests and copies that came to replicas, by their ids
	seen     map[string]seen    // by callers, by the request's id
	progress map[string]*course // by endpoint
}

// seen is what a caller saw of its request.
type seen struct {
	status int
	as     sight
}

type sight string

const (
	whole    sight = "whole"         // the answer that is right
	brokeOff sight = "broken off"    // the beginning of one
	models   sight = "the model's"   // a failure that the deployment answers with
	gateways sight = "the gateway's" // an error that tells the request's id
)

// course is how requests to an endpoint have gone so far.
type course struct {
	answered int
	refused  int // by the breaker
	inARow   int // the last ones, which were answered as they should be
}

// reach says whether a request came to a replica.
type reach int

const (
	never reach = iota
	perhaps
	once
)

// told is how the record must tell what a caller saw: the kinds of failure that may be
// seen like that, and whether the request can have come to a replica then.
var told = map[seen]map[record.ErrorKind]reach{
	{http.StatusOK, whole}:                    {record.None: once},
	{http.StatusOK, brokeOff}:                 {record.Reset: once, record.Timeout: once},
	{http.StatusServiceUnavailable, models}:   {record.Status: once},
	{http.StatusBadGateway, gateways}:         {record.Connect: never, record.Reset: perhaps},
	{http.StatusGatewayTimeout, gateways}:     {record.Timeout: perhaps},
	{http.StatusServiceUnavailable, gateways}: {record.Connect: never, record.QueueFull: never, record.QueueTimeout: never, record.BreakerOpen: never},
}

// TestFailuresAreToldAndNothingIsSentTwice is for those who declare no more than they have
// to: a model that takes two requests at a time and POST that may not be repeated, the
// breaker and retries as they are. All replicas are at fault at times, so that callers do
// see failures. Each is one of those that they are told of, has its record with the kind,
// and is of a request that no replica has got twice; and when the replicas are well again,
// all is answered again. Nothing is measured in time: what comes next waits for what has
// come about. One round, or five minutes with -soak, for all engines together.
func TestFailuresAreToldAndNothingIsSentTwice(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	s := newStrict(t, path)
	defer s.client.CloseIdleConnections()
	s.p.apply(s.files(0))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var calling, failing sync.WaitGroup
	for name := range s.models {
		for caller := range 8 { // places are six
			calling.Go(func() { s.calls(ctx, name, caller) })
		}
	}
	calling.Go(func() { s.p.swaps(ctx, s.files) })
	began, whatFor := time.Now(), lasting(0, 5*time.Minute)
	for name, replicas := range s.models {
		failing.Go(func() {
			for first := true; first || time.Since(began) < whatFor; first = false {
				s.round(name, replicas)
			}
		})
	}
	failing.Wait()
	cancel()
	calling.Wait()
	s.settle(path)
}

func newStrict(t *testing.T, path string) *strict {
	t.Helper()
	s := &strict{
		t: t, p: start(t, settings{Log: path}), client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 100}},
		reads:   map[string]func(io.Reader) (bool, error){"plain": readDoubled, "chat": readChat},
		arrived: map[string]int{}, seen: map[string]seen{}, progress: map[string]*course{"plain": {}, "chat": {}},
		models: map[string][]*model{},
	}
	for range 3 {
		s.models["plain"] = append(s.models["plain"], newModel(t, overHTTP(predict, s.arrives)))
		s.models["chat"] = append(s.models["chat"], newModel(t, overHTTP(chat, s.arrives)))
	}
	return s
}

// files is the work tree; every second one differs.
func (s *strict) files(n int) files {
	tree := files{}
	for name, replicas := range s.models {
		// The breaker opens again and again, and callers do not wait for as long as they would for a model that hangs.
		tree["deployments/"+name+".yaml"] = "schemaVersion: 1\nmaxConcurrent: 2\nretries: {}\nbreaker: {openFor: 500ms}\n" +
			"versions:\n  1: {url: " + urls(replicas) + ", timeout: {firstByte: " + firstByte.String() + "}}\n"
		tree["endpoints/"+name+".yaml"] = "schemaVersion: 1\nbackends: {only: {deployment: {branch: main, name: " + name + ", version: 1}}}\n"
	}
	tree["endpoints/plain.yaml"] += "mirrors: {m: {deployment: {branch: main, name: plain, version: 1}, percent: 50}}\n"
	if n%2 == 1 {
		tree["endpoints/chat.yaml"] += "timeout: {total: 1m}\n"
		tree["deployments/plain.yaml"] = strings.Replace(tree["deployments/plain.yaml"], "maxConcurrent: 2", "maxConcurrent: 3", 1)
	}
	return tree
}

// arrives counts a request that has come to a replica. A copy is counted by itself.
func (s *strict) arrives(r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.arrived[r.Header.Get("X-Request-Id")+r.Header.Get(forward.MirrorMark)]++
}

// calls calls until ctx ends, with a pause now and then.
func (s *strict) calls(ctx context.Context, name string, caller int) {
	pause := time.NewTicker(10 * time.Millisecond)
	defer pause.Stop()
	for n := 0; ctx.Err() == nil; n++ {
		id := fmt.Sprintf("%s-%d-%d", name, caller, n)
		got, message, err := s.call(name, id)
		if err != nil {
			s.t.Errorf("request %s: %v", id, err)
		}
		s.note(name, id, got, message)
		<-pause.C
	}
}

// call makes one request. message is what the gateway says about its error. What no caller
// should ever see is an error.
func (s *strict) call(name, id string) (got seen, message string, err error) {
	body := `{"data": 21}`
	path := "/v1/" + name
	if name == "chat" {
		body, path = `{"model": "m", "stream": true}`, path+"/v1/chat/completions"
	}
	req, err := http.NewRequestWithContext(context.WithoutCancel(s.t.Context()), http.MethodPost, "http://"+s.p.at.Public+path, strings.NewReader(body))
	if err != nil {
		return got, "", err
	}
	req.Header.Set("X-Request-Id", id)
	res, err := s.client.Do(req)
	if err != nil {
		return got, "", err
	}
	defer res.Body.Close()
	got.status = res.StatusCode
	if res.StatusCode == http.StatusOK {
		got.as = brokeOff
		ended, err := s.reads[name](res.Body)
		if ended {
			got.as = whole
		}
		return got, "", err
	}
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return got, "", fmt.Errorf("the answer %d breaks off: %w", res.StatusCode, err)
	}
	if string(text) == outOfOrder+"\n" {
		got.as = models
		return got, "", nil
	}
	var failure struct{ Error, RequestID string }
	if err := json.Unmarshal(text, &failure); err != nil || failure.Error == "" || failure.RequestID != id {
		return got, "", fmt.Errorf("answered %d %q, %w", res.StatusCode, text, err)
	}
	got.as = gateways
	return got, failure.Error, nil
}

// readDoubled reads what predict answers to 21.
func readDoubled(body io.Reader) (whole bool, err error) {
	text, err := io.ReadAll(body)
	if err == nil && string(text) != `{"data": 42}` {
		return false, fmt.Errorf("answered %q", text)
	}
	return err == nil, nil
}

// note notes what came of a request.
func (s *strict) note(name, id string, got seen, message string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent++
	s.seen[id] = got
	c := s.progress[name]
	c.answered++
	c.inARow++
	if got.as != whole {
		c.inARow = 0
	}
	if message == (&deployments.BreakerOpenError{}).Error() {
		c.refused++
	}
}

// round brings the replicas of a model into trouble and out of it again, twice, each step
// until it has told on callers.
func (s *strict) round(name string, replicas []*model) {
	c := s.progress[name]
	all := func(is condition) {
		for _, r := range replicas {
			r.become(is)
		}
	}
	defer all(well)
	mend := func() {
		all(well)
		s.mu.Lock()
		c.inARow = 0
		s.mu.Unlock()
		s.await(name+": all is answered again", &c.inARow, 50)
	}
	mixed := []condition{well, slow, hung, killed, broken}
	rand.Shuffle(len(mixed), func(i, j int) { mixed[i], mixed[j] = mixed[j], mixed[i] })
	for i, r := range replicas {
		r.become(mixed[i])
	}
	s.await(name+": callers go on amid trouble", &c.answered, 20)
	all(broken)
	s.await(name+": the breaker opens", &c.refused, 1)
	mend()
	all(killed)
	s.await(name+": callers are told that nobody is there", &c.answered, 20)
	mend()
}

// await waits until one of the counts of a course has grown by n.
func (s *strict) await(what string, count *int, n int) {
	read := func() int {
		s.mu.Lock()
		defer s.mu.Unlock()
		return *count
	}
	from := read()
	testbed.Eventually(s.t, what, func() bool { return read() >= from+n })
}

// settle compares what callers and replicas saw with what was recorded and counted.
func (s *strict) settle(path string) {
	t := s.t
	counted := s.p.atRest("plain")
	s.p.stop()
	s.mu.Lock() // a request that nobody waits for may still come to a replica
	defer s.mu.Unlock()
	final, before := counted.isRecorded(t, path, s.sent)
	kinds := map[record.ErrorKind]int{}
	for id, got := range s.seen {
		r := final[id]
		kinds[r.ErrorKind]++
		came, ok := told[got][r.ErrorKind]
		n := s.arrived[id]
		switch {
		case !ok, r.Status != got.status, (r.Outcome == record.OK) != (got.as == whole):
			t.Errorf("request %s: the caller saw %d, %s, and the record says %+v", id, got.status, got.as, r)
		case came == never && n > 0, came == once && n == 0:
			t.Errorf("request %s came to replicas %d times, and the record says %+v", id, n, r)
		}
	}
	for id, n := range s.arrived {
		if n > 1 {
			t.Errorf("%s came to replicas %d times", id, n)
		}
	}
	for _, r := range before {
		if r.ErrorKind != record.Connect {
			t.Errorf("another attempt was made although the request may have been processed: %+v", r)
		}
	}
	t.Logf("%d requests, by the kinds of their failures %v; %d attempts that others took the place of", s.sent, kinds, len(before))
}

package gitsync_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/switchyard-gateway/switchyard/gitsync"
)

func TestSyncWhileSyncingWaitsForTheNext(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	r.commit("main", "one", files{"endpoints/a.yaml": endpoint()})
	var asked atomic.Int64
	var hold atomic.Bool
	entered, release := make(chan struct{}), make(chan struct{})
	o := options(r.serve(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if lists(req) {
				asked.Add(1)
				if hold.CompareAndSwap(true, false) {
					close(entered)
					<-release
				}
			}
			next.ServeHTTP(w, req)
		})
	}))
	f := follow(t, o, nil)
	f.mustSync()
	f.mustSync() // one may have come between the first poll and its end
	asked.Store(0)
	hold.Store(true)
	answers := make(chan error, 20)
	go func() { answers <- f.sync() }()
	<-entered
	r.commit("main", "two", files{"endpoints/b.yaml": endpoint()})
	var started sync.WaitGroup
	for range 19 {
		started.Add(1)
		go func() {
			started.Done()
			answers <- f.sync()
		}()
	}
	started.Wait()
	close(release)
	for range 20 {
		if err := <-answers; err != nil {
			t.Error(err)
		}
	}
	r.compare(t, "second", f.Status().Live)
	// Those who came during the held sync share the next, but for stragglers.
	if n := asked.Load(); n < 2 || n > 10 {
		t.Errorf("the server was asked %d times", n)
	}
}

func TestSyncEndsWithItsContextAndWithRun(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	o := options(r.bare)
	o.Take = func(context.Context, *gitsync.Revision) error { return nil }
	f, err := gitsync.New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := f.Sync(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Sync without Run gave %v", err)
	}
	if err := f.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Run gave %v", err)
	}
	if err := f.Sync(t.Context()); !errors.Is(err, gitsync.ErrStopped) {
		t.Errorf("Sync after Run gave %v", err)
	}
	if err := f.Run(t.Context()); err == nil {
		t.Error("Run ran twice")
	}
}

func TestPollingFindsChangesByItself(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	r.commit("main", "one", files{"endpoints/a.yaml": endpoint()})
	o := options(r.serve(nil))
	o.Poll = 20 * time.Millisecond
	f := follow(t, o, nil)
	eventually(t, func() bool { return f.Status().Live != nil })
	want := r.commit("main", "two", files{"endpoints/b.yaml": endpoint()})
	eventually(t, func() bool { return f.Status().Live.Commit() == want })
}

func TestTooLargeIsRefusedAndRecovers(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	r.filters(false)
	first := r.commit("main", "one", files{"endpoints/a.yaml": endpoint()})
	noise := make([]byte, 300<<10)
	for i := range noise {
		noise[i] = byte(i * i >> 3)
	}
	o := options(r.serve(nil))
	o.MaxBytes = 64 << 10
	f := follow(t, o, nil)
	live := f.mustSync()
	r.commit("main", "two", files{"big.bin": string(bytes.Repeat(noise, 1))})
	if err := f.sync(); !errors.Is(err, gitsync.ErrTooLarge) || f.Status().Live != live {
		t.Errorf("sync: %v", err)
	}
	r.move("main", first)
	f.mustSync()
}

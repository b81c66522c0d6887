package shared_test

import (
	"bytes"
	"context"
	"net"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"github.com/rs/zerolog"

	"github.com/switchyard-gateway/switchyard/access"
	"github.com/switchyard-gateway/switchyard/access/shared"
	"github.com/switchyard-gateway/switchyard/internal/testbed"
	"github.com/switchyard-gateway/switchyard/schema"
)

func TestMain(m *testing.M) { testbed.Main(m) }

// patience is what a request of these tests waits for a server that is there.
const patience = testbed.Patience

// server is a Redis server that can be stopped and started again at its address.
type server struct {
	address     string
	start, stop func()
}

// servers are those that tests run against: one that speaks its protocol in the test's
// process, and a real one where there is one on this machine.
func servers(t *testing.T, test func(*testing.T, *server)) {
	t.Helper()
	t.Run("miniredis", func(t *testing.T) {
		m := miniredis.NewMiniRedis()
		if err := m.StartAddr(testbed.Address(t)); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(m.Close)
		address := m.Addr()
		test(t, &server{address: address, stop: m.Close, start: func() {
			if err := m.StartAddr(address); err != nil {
				t.Fatal(err)
			}
		}})
	})
	t.Run("real", func(t *testing.T) {
		for _, name := range []string{"valkey-server", "redis-server"} {
			if path, err := exec.LookPath(name); err == nil {
				test(t, realServer(t, path))
				return
			}
		}
		t.Skip("neither valkey-server nor redis-server is on this machine")
	})
}

// realServer runs a server that keeps nothing on disk.
func realServer(t *testing.T, path string) *server {
	t.Helper()
	s := &server{address: testbed.Address(t)}
	host, port, _ := net.SplitHostPort(s.address)
	var running *exec.Cmd
	s.stop = func() {
		if running != nil {
			_ = running.Process.Kill()
			_ = running.Wait()
			running = nil
		}
	}
	s.start = func() {
		running = exec.CommandContext(context.Background(), path, "--bind", host, "--port", port, "--save", "", "--appendonly", "no", "--dir", t.TempDir())
		var said bytes.Buffer
		running.Stdout, running.Stderr = &said, &said
		if err := running.Start(); err != nil {
			t.Fatal(err)
		}
		c := redis.NewClient(&redis.Options{Addr: s.address})
		defer c.Close()
		testbed.Eventually(t, "the server answers", func() bool { return c.Ping(t.Context()).Err() == nil })
	}
	s.start()
	t.Cleanup(s.stop)
	return s
}

// limiter runs until the test ends.
func limiter(t *testing.T, address string, change func(*shared.Options)) *shared.Limiter {
	t.Helper()
	o := shared.Options{URL: "redis://" + address, Prefix: "test", Timeout: patience, Retry: 10 * time.Millisecond, Logger: zerolog.Nop()}
	if change != nil {
		change(&o)
	}
	l, err := shared.New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { l.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	return l
}

func up(t *testing.T, all ...*shared.Limiter) {
	t.Helper()
	testbed.Eventually(t, "the server is known to answer", func() bool {
		for _, l := range all {
			if !l.Up() {
				return false
			}
		}
		return true
	})
}

func claim(name string, requests, burst int, per time.Duration) shared.Claim {
	return shared.Claim{Name: name, Rate: schema.RateLimit{Requests: requests, Burst: burst, Per: per}}
}

func TestGatewaysShareABurst(t *testing.T) {
	servers(t, func(t *testing.T, s *server) {
		gateways := []*shared.Limiter{limiter(t, s.address, nil), limiter(t, s.address, nil), limiter(t, s.address, nil)}
		up(t, gateways...)
		var callers sync.WaitGroup
		var admitted, refused atomic.Int64
		for n := range 30 {
			callers.Go(func() {
				for range 10 {
					a := gateways[n%3].Take(t.Context(), []shared.Claim{claim("key partner", 10, 50, time.Hour)})
					switch {
					case !a.Known:
						t.Error("the server is not there")
					case a.Refused:
						refused.Add(1)
						if a.Refusal.Limit != access.LimitRate || a.Refusal.Most != 10 || a.Refusal.Remaining != 0 || a.Refusal.After <= 0 || a.Refusal.After > time.Hour/10 {
							t.Errorf("%+v", a.Refusal)
						}
					default:
						admitted.Add(1)
					}
				}
			})
		}
		callers.Wait()
		if admitted.Load() != 50 || refused.Load() != 250 {
			t.Errorf("%d were let in and %d refused, of 300 and a burst of 50", admitted.Load(), refused.Load())
		}
	})
}

func TestARefusedRequestTakesNothing(t *testing.T) {
	servers(t, func(t *testing.T, s *server) {
		l := limiter(t, s.address, nil)
		up(t, l)
		wide, narrow := claim("endpoint a", 5, 5, time.Hour), claim("key b", 1, 1, time.Hour)
		both := []shared.Claim{wide, narrow}
		if a := l.Take(t.Context(), both); a.Refused || !a.Known {
			t.Fatalf("%+v", a)
		}
		for range 10 {
			if a := l.Take(t.Context(), both); !a.Refused || a.By != 1 {
				t.Fatalf("%+v", a)
			}
		}
		for n := range 4 {
			if a := l.Take(t.Context(), []shared.Claim{wide}); a.Refused {
				t.Errorf("request %d: what was refused took from the other limit", n)
			}
		}
		if a := l.Take(t.Context(), []shared.Claim{wide}); !a.Refused {
			t.Error("there is no limit")
		}
	})
}

func TestABucketFillsAgain(t *testing.T) {
	servers(t, func(t *testing.T, s *server) {
		l := limiter(t, s.address, nil)
		up(t, l)
		c := []shared.Claim{claim("k", 1, 1, 20*time.Millisecond)}
		l.Take(t.Context(), c)
		testbed.Eventually(t, "there is another one", func() bool { a := l.Take(t.Context(), c); return a.Known && !a.Refused })
	})
}

func TestAServerThatDiesUnderLoad(t *testing.T) {
	servers(t, func(t *testing.T, s *server) {
		log := &testbed.Log{}
		l := limiter(t, s.address, func(o *shared.Options) { o.Logger = zerolog.New(log) })
		up(t, l)
		stop := make(chan struct{})
		var callers sync.WaitGroup
		var known, unknown atomic.Int64
		for range 16 {
			callers.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
					}
					if l.Take(t.Context(), []shared.Claim{claim("k", 1_000_000_000, 1_000_000_000, time.Second)}).Known {
						known.Add(1)
					} else {
						unknown.Add(1)
					}
				}
			})
		}
		testbed.Eventually(t, "it is asked", func() bool { return known.Load() > 1000 })
		s.stop()
		testbed.Eventually(t, "it is known to be away", func() bool { return !l.Up() && unknown.Load() > 1000 })
		s.start()
		before := known.Load()
		testbed.Eventually(t, "it is asked again", func() bool { return known.Load() > before+1000 })
		close(stop)
		callers.Wait()
		if n := strings.Count(log.String(), "is away"); n != 1 {
			t.Errorf("it is told %d times that it went away once:\n%s", n, log)
		}
		if n := strings.Count(log.String(), "answers"); n != 2 {
			t.Errorf("it is told %d times that it came twice:\n%s", n, log)
		}
	})
}

// TestAServerThatHangsHoldsNobody has a server take connections and say nothing.
func TestAServerThatHangsHoldsNobody(t *testing.T) {
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	m := miniredis.RunT(t)
	limits := limiter(t, m.Addr(), func(o *shared.Options) { o.Retry = time.Hour })
	up(t, limits)
	hung := limiter(t, l.Addr().String(), func(o *shared.Options) { o.Timeout = time.Millisecond })
	for range 1000 {
		if a := hung.Take(t.Context(), []shared.Claim{claim("k", 1, 1, time.Hour)}); a.Known {
			t.Fatal("a server that says nothing has answered")
		}
	}
	m.Close()
	var waited int
	for range 1000 {
		began := time.Now()
		limits.Take(t.Context(), []shared.Claim{claim("k", 1, 1, time.Hour)})
		if time.Since(began) > 10*time.Millisecond {
			waited++
		}
	}
	if waited > 100 {
		t.Errorf("%d of 1000 requests waited for a server that is away", waited)
	}
}

func TestAWrongPasswordIsNoLimit(t *testing.T) {
	m := miniredis.RunT(t)
	m.RequireAuth("right")
	log := &testbed.Log{}
	password := "wrong"
	l := limiter(t, m.Addr(), func(o *shared.Options) {
		o.Logger, o.Password = zerolog.New(log), func() (string, error) { return password + "\n", nil }
	})
	testbed.Eventually(t, "the log tells", func() bool { return strings.Contains(log.String(), "is away") })
	if l.Take(t.Context(), []shared.Claim{claim("k", 1, 1, time.Hour)}).Known || strings.Contains(log.String(), password+`\n`) {
		t.Errorf("%s", log)
	}
	right := limiter(t, m.Addr(), func(o *shared.Options) { o.Password = func() (string, error) { return "right\n", nil } })
	up(t, right)
}

func TestWhatIsNoURL(t *testing.T) {
	for _, url := range []string{"", "limits.example.com", "http://limits.example.com", "redis://a:b:c"} {
		if _, err := shared.New(shared.Options{URL: url}); err == nil || strings.Contains(err.Error(), "b:c") {
			t.Errorf("%q: %v", url, err)
		}
	}
}

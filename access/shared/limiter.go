package shared

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"
	"github.com/rs/zerolog"

	"github.com/switchyard-gateway/switchyard/access"
	"github.com/switchyard-gateway/switchyard/schema"
)

// Options says where limits are kept.
type Options struct {
	URL      string                 // redis://HOST:PORT/DATABASE, or rediss:// over TLS, with a user's name but no password
	TLS      *tls.Config            // for rediss://; nil: the server's certificate is checked by the system's, and none is shown
	Password func() (string, error) // at each connection; nil: there is none
	Prefix   string                 // of the keys, which sets gateways of one repository apart from others
	Timeout  time.Duration          // that a request waits at most; 50 ms when 0
	Retry    time.Duration          // between two tries of a server that is away; 1 s when 0
	Quiet    time.Duration          // between two lines of the log that it is away; 1 m when 0
	Logger   zerolog.Logger
}

// Limiter keeps limits. It is safe for concurrent use; Run has to be under way.
type Limiter struct {
	options Options
	client  *redis.Client

	away      atomic.Bool
	lost      chan error // capacity 1: why it is away now is news for Run once
	fallbacks atomic.Uint64
}

// New makes a Limiter, which takes the server to be away until Run has tried it. The
// error says what is wrong with the options.
func New(o Options) (*Limiter, error) {
	if o.Timeout == 0 {
		o.Timeout = 50 * time.Millisecond
	}
	if o.Retry == 0 {
		o.Retry = time.Second
	}
	if o.Quiet == 0 {
		o.Quiet = time.Minute
	}
	c, err := redis.ParseURL(o.URL)
	if err != nil {
		return nil, errors.New("it is no URL of a Redis server; write it as redis://limits.example.com:6379/0")
	}
	c.ContextTimeoutEnabled = true
	c.MaxRetries, c.DialerRetries = -1, 1
	c.DialTimeout, c.ReadTimeout, c.WriteTimeout, c.PoolTimeout = time.Second, o.Timeout, o.Timeout, o.Timeout
	c.DisableIdentity = true
	c.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	if c.TLSConfig != nil {
		name := c.TLSConfig.ServerName
		if o.TLS != nil {
			c.TLSConfig = o.TLS.Clone()
		}
		c.TLSConfig.ServerName, c.TLSConfig.MinVersion = name, tls.VersionTLS12
	}
	if o.Password != nil {
		user := c.Username
		c.CredentialsProviderContext = func(context.Context) (string, string, error) {
			text, err := o.Password()
			return user, strings.TrimSpace(text), err
		}
	}
	redis.SetLogger(&logging.VoidLogger{}) // it has one for the whole process; what it says is in the errors
	l := &Limiter{options: o, client: redis.NewClient(c), lost: make(chan error, 1)}
	l.away.Store(true)
	return l, nil
}

// Claim is one limit, of which a request takes its share.
type Claim struct {
	Name string
	Rate schema.RateLimit
}

// Answer is what the server says of a request.
type Answer struct {
	Known   bool // false: the server is away, nothing was taken
	Refused bool
	By      int // which of the claims refuses
	Refusal access.Refusal
}

// take looks at all limits, and takes from them if none refuses: it answers {0}, or
// the number of the first that does, the microseconds until it would not, and how many
// requests it has left. What is kept of a limit says nothing of its rate, which may be
// another one by now, and a clock that goes back only fills nothing. Numbers are written
// in full: Lua would round them.
var take = redis.NewScript(`
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local lefts = {}
for i, key in ipairs(KEYS) do
	local each, burst = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
	local left, at = string.match(redis.call('GET', key) or '', '^(%S+) (%S+)$')
	left = math.min(burst, tonumber(left or burst) + math.max(0, now - tonumber(at or now)) / each)
	local wait = (1 - left) * each
	if wait > 0.5 then
		return {i, math.ceil(wait), math.max(0, math.floor(left))}
	end
	lefts[i] = left - 1
end
for i, key in ipairs(KEYS) do
	local each, burst = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
	redis.call('SET', key, string.format('%.17g %.0f', lefts[i], now), 'PX', string.format('%.0f', math.ceil((burst - lefts[i]) * each / 1000) + 1))
end
return {0}
`)

// Take takes from all claims, or from none. There is at least one.
func (l *Limiter) Take(ctx context.Context, claims []Claim) Answer {
	if l.away.Load() {
		l.fallbacks.Add(1)
		return Answer{}
	}
	answer, err := l.ask(ctx, claims)
	if err != nil {
		l.fallbacks.Add(1)
		if ctx.Err() == nil { // else it is the caller who left
			l.leave(err)
		}
	}
	return answer
}

func (l *Limiter) ask(ctx context.Context, claims []Claim) (Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, l.options.Timeout)
	defer cancel()
	keys, numbers := make([]string, len(claims)), make([]any, 0, 2*len(claims))
	for i, c := range claims {
		keys[i] = l.options.Prefix + ":" + c.Name
		each := float64(c.Rate.Per.Microseconds()) / float64(c.Rate.Requests)
		numbers = append(numbers, strconv.FormatFloat(each, 'f', -1, 64), c.Rate.Burst)
	}
	said, err := take.Run(ctx, l.client, keys, numbers...).Int64Slice()
	switch {
	case err != nil:
		return Answer{}, err
	case len(said) == 1 && said[0] == 0:
		return Answer{Known: true}, nil
	case len(said) == 3 && said[0] >= 1 && said[0] <= int64(len(claims)):
		by := int(said[0]) - 1
		return Answer{Known: true, Refused: true, By: by, Refusal: access.Refusal{
			Limit: access.LimitRate, Most: int64(claims[by].Rate.Requests), Remaining: said[2], After: time.Duration(said[1]) * time.Microsecond,
		}}, nil
	}
	return Answer{}, fmt.Errorf("the server answered %v", said)
}

// leave says that the server is away.
func (l *Limiter) leave(err error) {
	if !l.away.CompareAndSwap(false, true) {
		return
	}
	select {
	case l.lost <- err:
	default:
	}
}

// Run tries the server whenever it is away, until ctx ends.
func (l *Limiter) Run(ctx context.Context) {
	defer l.client.Close()
	j := &journal{log: l.options.Logger, quiet: l.options.Quiet}
	for {
		if l.away.Load() {
			_, err := l.ask(ctx, []Claim{{Name: "probe", Rate: schema.RateLimit{Requests: 1_000_000, Per: time.Second, Burst: 1_000_000}}})
			switch {
			case ctx.Err() != nil:
				return
			case err == nil:
				j.back()
				l.away.Store(false)
			default:
				j.away(err)
			}
		}
		if !l.wait(ctx, j) {
			return
		}
	}
}

// wait waits until there is something to try, and reports whether ctx has not ended.
func (l *Limiter) wait(ctx context.Context, j *journal) bool {
	var retry <-chan time.Time
	if l.away.Load() {
		timer := time.NewTimer(l.options.Retry)
		defer timer.Stop()
		retry = timer.C
	}
	select {
	case <-ctx.Done():
		return false
	case <-retry:
	case err := <-l.lost:
		if l.away.Load() { // else it has been tried since
			j.lost(err)
		}
	}
	return true
}

var (
	descUp        = prometheus.NewDesc("switchyard_shared_limits_up", "1 while the server of shared limits answers.", nil, nil)
	descFallbacks = prometheus.NewDesc("switchyard_shared_limits_fallbacks_total", "Requests whose limits were kept by this gateway for itself, as the server of shared limits was away.", nil, nil)
)

// Describe implements prometheus.Collector.
func (l *Limiter) Describe(ch chan<- *prometheus.Desc) {
	ch <- descUp
	ch <- descFallbacks
}

// Collect implements prometheus.Collector.
func (l *Limiter) Collect(ch chan<- prometheus.Metric) {
	up := 1.0
	if l.away.Load() {
		up = 0
	}
	ch <- prometheus.MustNewConstMetric(descUp, prometheus.GaugeValue, up)
	ch <- prometheus.MustNewConstMetric(descFallbacks, prometheus.CounterValue, float64(l.fallbacks.Load()))
}

// Up reports whether the server answers.
func (l *Limiter) Up() bool { return !l.away.Load() }

package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/switchyard-gateway/switchyard/cmd/switchyard/serve"
	"github.com/switchyard-gateway/switchyard/gateway/recent"
	"github.com/switchyard-gateway/switchyard/gitsync"
	"github.com/switchyard-gateway/switchyard/report"
)

const (
	pollEvery    = time.Second // between looks at the repository, short so that a commit shows
	trafficPause = 700 * time.Millisecond
	gracePeriod  = 5 * time.Second
)

// Options says what the demo is to do.
type Options struct {
	Version   string
	Dir       string // for the repository: empty or missing; "" for a temporary one
	Listen    string // a free port is taken where the port is not free
	Admin     string
	NoTraffic bool
	Once      bool // verify and end, instead of going on until the context ends
	Out       io.Writer
	Color     bool
	Abort     <-chan struct{} // closed: end at once
}

// Run runs the demo until ctx ends or, with Options.Once, until everything is
// verified. The error of a verification says what was expected and what came.
func Run(ctx context.Context, o Options) error {
	all, err := models()
	if err != nil {
		return err
	}
	return perform(ctx, o, all)
}

func perform(ctx context.Context, o Options, models map[string]http.Handler) error {
	dir, remove, err := directory(o)
	if err != nil {
		return err
	}
	setting, err := newSetting(ctx, dir, models)
	if err != nil {
		return err
	}
	defer setting.close()
	penguins, err := newPenguinReport()
	if err != nil {
		return err
	}
	d := &demonstration{options: o, setting: setting, screen: newScreen(o.Out, o.Color), ledger: newLedger(), penguins: penguins}
	began := time.Now()
	if err := d.run(ctx); err != nil {
		return fmt.Errorf("%w; the repository is left in %s", err, dir)
	}
	if o.Once {
		d.screen.printf("all is as promised, in %s\n", time.Since(began).Round(time.Millisecond))
	}
	return remove()
}

// directory gives the one for the repository, and what becomes of it in the end:
// a temporary one that nobody was invited to use is removed.
func directory(o Options) (dir string, remove func() error, err error) {
	keep := func() error { return nil }
	if o.Dir != "" {
		dir, err = filepath.Abs(o.Dir)
		return dir, keep, err
	}
	dir, err = os.MkdirTemp("", "switchyard-demo-")
	if !o.Once {
		return dir, keep, err
	}
	return dir, func() error { return os.RemoveAll(dir) }, err
}

// demonstration is a running demo.
type demonstration struct {
	options Options
	setting *setting
	screen  screen
	ledger  *ledger

	penguins *penguinReport
}

// run serves and shows until either ends.
func (d *demonstration) run(ctx context.Context) error {
	ctx, end := context.WithCancel(ctx)
	defer end()
	started := make(chan serve.Addresses, 1) // one value, never waited for by its sender
	parts, ctx := errgroup.WithContext(ctx)
	parts.Go(func() error { return serve.Run(ctx, d.serveOptions(started)) })
	parts.Go(func() error {
		defer end()
		select {
		case at := <-started:
			return d.show(ctx, at)
		case <-ctx.Done():
			return nil
		}
	})
	if err := parts.Wait(); err != nil || d.options.NoTraffic {
		return err
	}
	return d.conclude()
}

// conclude ends the demo with what its records amount to. The gateway has ended, so that
// all of them are there.
func (d *demonstration) conclude() error {
	made := d.penguins.make()
	if !d.options.Once {
		d.screen.printf("\n")
		return report.Print(d.options.Out, made, report.FormatText, d.options.Color)
	}
	v := d.verifier(caller{})
	if err := v.audit(); err != nil {
		return err
	}
	return v.judgePenguins(made)
}

func (d *demonstration) serveOptions(started chan<- serve.Addresses) serve.Options {
	readers := []func(entry){d.ledger.add}
	if !d.options.Once {
		readers = []func(entry){d.screen.print}
	}
	return serve.Options{
		Version:     d.options.Version,
		Listen:      freeAddress(d.options.Listen),
		Admin:       freeAddress(d.options.Admin),
		Repository:  gitsync.Options{URL: d.setting.dir, Branch: "main", Poll: pollEvery},
		GracePeriod: gracePeriod,
		Recent:      &recent.Options{},
		Stdout:      &decoder{readers: readers, lines: []func([]byte){d.penguins.add}},
		Abort:       d.options.Abort,
		Started:     func(at serve.Addresses) { started <- at },
	}
}

// freeAddress is address, or a free port of the same host if its port is taken.
func freeAddress(address string) string {
	listener, err := net.Listen("tcp", address) //nolint:noctx // it is over at once
	if err == nil {
		_ = listener.Close()
		return address
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return address // the listener will say what is wrong with it
	}
	return net.JoinHostPort(host, "0")
}

// show is what happens while the gateway serves.
func (d *demonstration) show(ctx context.Context, at serve.Addresses) error {
	caller := newCaller("http://" + at.Listen)
	defer caller.close()
	if d.options.Once {
		return d.verify(ctx, caller)
	}
	d.introduce(at)
	if d.options.NoTraffic {
		d.screen.heading()
		<-ctx.Done()
	} else {
		caller.awaitService(ctx)
		if err := d.judge(ctx, at, caller); err != nil && ctx.Err() == nil {
			return err
		}
		caller.traffic(ctx, trafficPause)
	}
	d.screen.printf("\nThe repository is still in %s\n", d.setting.dir)
	return nil
}

// judge has the candidate of penguins asked about all of them, and tells what comes of it,
// and how to find out more.
func (d *demonstration) judge(ctx context.Context, at serve.Addresses, c caller) error {
	if err := c.askAboutPenguins(ctx); err != nil {
		return err
	}
	if err := d.penguins.await(ctx); err != nil {
		return err
	}
	made := d.penguins.make()
	d.screen.printf(judgement, d.screen.paint(bold, "May version 2 of penguin_model take over? "+string(made.Verdict)),
		made.Coverage.Paired, strings.Join(made.Reasons, "\n  "), at.Admin)
	if failed := made.Errors.Examples; len(failed) > 0 {
		d.screen.printf(failure, failed[0], at.Admin, at.Admin, d.setting.dir)
	}
	d.screen.heading()
	return nil
}

const judgement = `
%s, after %d requests and their copies.
  %s

  switchyard report penguins --admin %s
`

const failure = `
At some penguins only the candidate fails. This one, whose request was captured, was not measured in full:

  switchyard logs --request %s --pairs --admin %s

Mended, it would be tried with the same requests before it gets copies again:

  switchyard logs --endpoint penguins --format json --admin %s > penguins.log
  switchyard replay --from penguins.log --repo %s --mirror candidate
`

func (d *demonstration) verifier(c caller) verifier {
	return verifier{setting: d.setting, caller: c, ledger: d.ledger, say: func(format string, args ...any) {
		d.screen.printf("%s "+format+"\n", append([]any{d.screen.paint(green, "ok")}, args...)...)
	}}
}

func (d *demonstration) verify(ctx context.Context, c caller) error {
	err := d.verifier(c).run(ctx)
	if err == nil && ctx.Err() != nil {
		return errors.New("ended before all was verified")
	}
	return err
}

// introduce tells what runs, and what to try.
func (d *demonstration) introduce(at serve.Addresses) {
	d.screen.printf(introduction, d.screen.paint(bold, "Switchyard is running"), d.setting.dir, at.Listen, at.Admin,
		d.screen.paint(bold, "Try it, in another terminal"), at.Listen,
		filepath.Join(d.setting.dir, "endpoints", "checkout.yaml"), d.setting.dir)
}

const introduction = `%s

  repository  %s
  endpoints   http://%s/v1/pricing_optimizer, /v1/checkout, /v1/quotes, /v1/penguins
  admin       http://%s/status

%s

  curl -d '{"data": 10}' http://%s/v1/pricing_optimizer

  edit %s
  git -C %s commit -am 'Give the experiment more weight'

A commit serves within a second: watch for "swap". Make a mistake, such as weigth,
and watch for "reject". Ctrl-C ends the demo, with a report on the endpoint penguins.
`

//go:build linux

package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
)

// row is one line of a table: ours and git's medians.
type row struct {
	name      string
	ours, git cost
}

// results are all rows, and what a long run left in memory.
type results struct {
	rows   []row
	memory []string // lines about memory
}

// scenario is a repository and how its rows are called.
type scenario struct {
	name string
	history
}

func scenarios() []scenario {
	const changes = 12
	var all []scenario
	for _, files := range []int{100, 1000, 10_000} {
		for _, commits := range []int{1, 1000} {
			all = append(all, scenario{fmt.Sprintf("%d files, %d commits", files, commits), history{files: files, commits: commits, changes: changes}})
		}
	}
	return append(all, scenario{"1000 files beside 200 MiB of others", history{files: 1000, commits: 1, changes: changes, other: 200}})
}

// long is the run after which memory is looked at.
var long = scenario{"1000 changes of 10000 files", history{files: 10_000, commits: 1, changes: 1000}}

func measure(ctx context.Context, chosen *regexp.Regexp, rounds int) (*results, error) {
	dir, err := os.MkdirTemp("", "bench-sync")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	s, err := startServer(ctx, dir)
	if err != nil {
		return nil, err
	}
	defer s.stop()
	out := &results{}
	for i, one := range scenarios() {
		if !chosen.MatchString(one.name) {
			continue
		}
		if err := out.scenario(ctx, s, filepath.Join(dir, fmt.Sprintf("r%d.git", i)), one, rounds); err != nil {
			return nil, fmt.Errorf("%s: %w", one.name, err)
		}
	}
	if !chosen.MatchString(long.name) {
		return out, nil
	}
	return out, out.long(ctx, s, filepath.Join(dir, "long.git"))
}

// sample is the cost of one step of each kind.
type sample struct{ first, poll, change cost }

func (r *results) scenario(ctx context.Context, s *server, dir string, one scenario, rounds int) error {
	repo, err := one.build(ctx, dir)
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	var ours, gits []sample
	for range rounds {
		for _, side := range []struct {
			into *[]sample
			run  func(context.Context, *server, repository, history) (sample, error)
		}{{&ours, oursOnce}, {&gits, gitOnce}} {
			if err := repo.rewind(ctx); err != nil {
				return err
			}
			got, err := side.run(ctx, s, repo, one.history)
			if err != nil {
				return err
			}
			*side.into = append(*side.into, got)
		}
	}
	for _, kind := range []struct {
		name string
		of   func(sample) cost
	}{
		{"first", func(s sample) cost { return s.first }},
		{"unchanged", func(s sample) cost { return s.poll }},
		{"one file changed", func(s sample) cost { return s.change }},
	} {
		r.rows = append(r.rows, row{one.name + ": " + kind.name, median(ours, kind.of), median(gits, kind.of)})
	}
	return nil
}

// counted adds what the server did to a step.
func counted(ctx context.Context, s *server, run func() (cost, error)) (cost, error) {
	if _, err := s.served(ctx); err != nil {
		return cost{}, err
	}
	c, err := run()
	if err != nil {
		return c, err
	}
	c.served, err = s.served(ctx)
	return c, err
}

func oursOnce(ctx context.Context, s *server, repo repository, _ history) (sample, error) {
	f, err := startFollower(ctx, s.url+"/"+filepath.Base(repo.dir))
	if err != nil {
		return sample{}, err
	}
	defer f.stop()
	return steps(ctx, s, repo, func(int) (cost, error) {
		got, err := f.sync()
		return got.cost, err
	})
}

func gitOnce(ctx context.Context, s *server, repo repository, h history) (sample, error) {
	c := clone{dir: repo.dir + ".clone", url: s.url + "/" + filepath.Base(repo.dir)}
	defer os.RemoveAll(c.dir)
	if _, err := git(ctx, "", "", "init", "-q", "--bare", c.dir); err != nil {
		return sample{}, err
	}
	return steps(ctx, s, repo, func(step int) (cost, error) {
		switch step {
		case first:
			return c.read(ctx, []string{"endpoints/"})
		case poll:
			return c.read(ctx, nil)
		default:
			return c.read(ctx, []string{changed(step-change, h.files)})
		}
	})
}

// The steps of a sample; those from change on follow one change after another.
const (
	first = iota
	poll
	change
)

// steps lets one side do all that is measured, polls and changes several times.
func steps(ctx context.Context, s *server, repo repository, do func(step int) (cost, error)) (sample, error) {
	var out sample
	var err error
	if out.first, err = counted(ctx, s, func() (cost, error) { return do(first) }); err != nil {
		return out, err
	}
	var polls, changes []cost
	for range 5 {
		c, err := counted(ctx, s, func() (cost, error) { return do(poll) })
		if err != nil {
			return out, err
		}
		polls = append(polls, c)
	}
	for i, commit := range repo.changes {
		if err := repo.move(commit); err != nil {
			return out, err
		}
		c, err := counted(ctx, s, func() (cost, error) { return do(change + i) })
		if err != nil {
			return out, err
		}
		changes = append(changes, c)
	}
	same := func(c cost) cost { return c }
	out.poll, out.change = median(polls, same), median(changes, same)
	return out, nil
}

// median is that of each figure by itself.
func median[T any](samples []T, of func(T) cost) cost {
	return cost{
		Wall: middle(samples, func(s T) int64 { return int64(of(s).Wall) }).duration(),
		CPU:  middle(samples, func(s T) int64 { return int64(of(s).CPU) }).duration(),
		Peak: int64(middle(samples, func(s T) int64 { return of(s).Peak })),
		served: served{
			Wire: int64(middle(samples, func(s T) int64 { return of(s).Wire })),
			Busy: middle(samples, func(s T) int64 { return int64(of(s).Busy) }).duration(),
		},
	}
}

func middle[T any](samples []T, of func(T) int64) figure {
	values := make([]int64, len(samples))
	for i, s := range samples {
		values[i] = of(s)
	}
	slices.SortFunc(values, cmp.Compare[int64])
	return figure(values[len(values)/2])
}

// long follows many changes, and looks at memory in between.
func (r *results) long(ctx context.Context, s *server, dir string) error {
	repo, err := long.build(ctx, dir)
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	f, err := startFollower(ctx, s.url+"/"+filepath.Base(repo.dir))
	if err != nil {
		return err
	}
	defer f.stop()
	look := func(name string, s step) {
		r.memory = append(r.memory, fmt.Sprintf("| %s | %.1f | %.1f | %.1f |", name, mib(s.Memory), mib(s.Memory-s.Idle), mib(s.Peak)))
	}
	at, err := f.sync()
	if err != nil {
		return err
	}
	look("first sync", at)
	for i, commit := range repo.changes {
		if err := repo.move(commit); err != nil {
			return err
		}
		if at, err = f.sync(); err != nil {
			return err
		}
		if at.Commit != commit {
			return fmt.Errorf("change %d was not followed", i)
		}
		if n := i + 1; n == 10 || n == 100 || n == len(repo.changes) {
			look(fmt.Sprintf("%d changes", n), at)
		}
	}
	return nil
}

package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/switchyard-gateway/switchyard/examples/penguins"
	"github.com/switchyard-gateway/switchyard/records"
	"github.com/switchyard-gateway/switchyard/report"
	"github.com/switchyard-gateway/switchyard/schema"
)

// The traffic of the endpoint penguins: all of the data set, some times.
const (
	penguinEndpoint = "penguins"
	penguinMirror   = "candidate"
	penguinPasses   = 5
	penguinCallers  = 8 // at a time
)

// penguinModel answers for one version of the model over penguins.
type penguinModel struct{ model *penguins.Model }

func newPenguinModel(version int) (penguinModel, error) {
	m, err := penguins.Version(version)
	return penguinModel{m}, err
}

// ServeHTTP answers {"data": {MEASUREMENT: NUMBER or null, ...}} with the species and
// its probability. What the model cannot do ends as such things do: with a 500.
func (m penguinModel) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var input struct{ Data map[string]*float64 }
	if err := json.NewDecoder(io.LimitReader(r.Body, maxModelBody)).Decode(&input); err != nil {
		answer(w, http.StatusBadRequest, map[string]any{"error": `the body must be {"data": {MEASUREMENT: NUMBER, ...}}`})
		return
	}
	measured := map[string]float64{}
	for name, value := range input.Data {
		if value != nil {
			measured[name] = *value
		}
	}
	species, probability, err := m.model.Predict(measured)
	if err != nil {
		answer(w, http.StatusInternalServerError, map[string]any{"error": err.Error()})
		return
	}
	answer(w, http.StatusOK, map[string]any{"data": map[string]any{"species": species, "probability": probability}})
}

// askAboutPenguins calls the endpoint for each penguin of the data set, again and
// again. The first call that fails, or is not answered with 200, ends it.
func (c caller) askAboutPenguins(ctx context.Context) error {
	all, err := penguins.Load()
	if err != nil {
		return err
	}
	bodies := make(chan string) // not buffered: callers take one when they are ready
	failed := make(chan error, penguinCallers)
	var callers sync.WaitGroup
	for range penguinCallers {
		callers.Go(func() {
			for body := range bodies {
				r, err := c.call(ctx, penguinEndpoint, "", body)
				if err == nil && r.status != http.StatusOK {
					err = fmt.Errorf("expected of %s: status 200; got %d, %s", penguinEndpoint, r.status, r.body)
				}
				if err != nil {
					failed <- err
					return
				}
			}
		})
	}
	err = sendPenguins(ctx, all, bodies, failed)
	close(bodies)
	callers.Wait()
	close(failed)
	return errors.Join(err, <-failed)
}

func sendPenguins(ctx context.Context, all []penguins.Penguin, bodies chan<- string, failed <-chan error) error {
	for range penguinPasses {
		for _, p := range all {
			body, err := json.Marshal(map[string]any{"data": p.Measured})
			if err != nil {
				return err
			}
			select {
			case bodies <- string(body):
			case err := <-failed:
				return err
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	return nil
}

// penguinReport gathers what the log says of the endpoint penguins. It is safe for
// concurrent use.
type penguinReport struct {
	gates *schema.Gates // that the endpoint declares

	mu        sync.Mutex
	decoder   records.Decoder
	record    records.Record
	collector *report.Collector
	copies    int // that have their record
}

// newPenguinReport makes one of what the endpoint declares.
func newPenguinReport() (*penguinReport, error) {
	path := "endpoints/" + penguinEndpoint + ".yaml"
	text, err := documents.ReadFile("repository/main/" + path)
	if err != nil {
		return nil, err
	}
	endpoint, problems := schema.ParseEndpoint(schema.File{Path: path, Data: text})
	if err := problems.Err(); err != nil {
		return nil, err
	}
	mirror := &endpoint.Mirrors[0]
	o := report.Options{Endpoint: penguinEndpoint, Tolerances: map[string]report.Tolerance{penguinMirror: report.Tolerance(*mirror.Compare.Tolerance)}}
	return &penguinReport{gates: mirror.Gates, collector: report.NewCollector(o)}, nil
}

func (p *penguinReport) add(line []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.decoder.Decode(line, &p.record) != nil {
		return
	}
	p.collector.Add(&p.record)
	if p.record.Endpoint == penguinEndpoint && p.record.Role == records.Mirror {
		p.copies++
	}
}

// make gives the report.
func (p *penguinReport) make() *report.Report {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.collector.Report(penguinMirror, p.gates)
}

// await waits until all copies of what was asked have their record, until ctx ends.
func (p *penguinReport) await(ctx context.Context) error {
	all, err := penguins.Load()
	if err != nil {
		return err
	}
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for !p.has(penguinPasses * len(all)) {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (p *penguinReport) has(copies int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.copies >= copies
}

// judgePenguins verifies that the report finds what is wrong with the candidate: it fails at
// penguins that were not measured.
func (v verifier) judgePenguins(r *report.Report) error {
	const notMeasured = 2
	if want := int64(notMeasured * penguinPasses); r.Verdict != report.Worse || r.Errors.MirrorOnly != want {
		return fmt.Errorf("expected the report on %s to say WORSE for %d failures of the candidate, got %s and %d: %q",
			penguinEndpoint, want, r.Verdict, r.Errors.MirrorOnly, r.Reasons)
	}
	v.say("the report on %s finds what callers cannot see: the candidate fails at %d of %d penguins, and may not be promoted",
		penguinEndpoint, r.Errors.MirrorOnly, r.Coverage.Paired)
	return nil
}

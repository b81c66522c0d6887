package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"

	"github.com/switchyard-gateway/switchyard/report"
	"github.com/switchyard-gateway/switchyard/schema"
)

// declaration is what is declared of an endpoint; empty: it is not known.
type declaration struct {
	mirrors map[string]declaredMirror
	weight  map[string]float64
}

type declaredMirror struct {
	gates     *schema.Gates
	tolerance *schema.Tolerance
}

func (d declaration) gates(mirror string) *schema.Gates { return d.mirrors[mirror].gates }

// tolerances are those that are declared, by mirror.
func (d declaration) tolerances() map[string]report.Tolerance {
	all := map[string]report.Tolerance{}
	for name, m := range d.mirrors {
		if m.tolerance != nil {
			all[name] = report.Tolerance(*m.tolerance)
		}
	}
	return all
}

// weights are those of backends; nil if one is not known.
func (d declaration) weights(backends []string) map[string]float64 {
	for _, name := range backends {
		if _, ok := d.weight[name]; !ok {
			return nil
		}
	}
	return d.weight
}

// declared finds out what is declared of an endpoint: from the gateway that runs, from
// --repo, or from the work tree here if there is one.
func (f *sourceFlags) declared(ctx context.Context, p process, s settings, endpoint string) (declaration, error) {
	if err := f.validate(); err != nil {
		return declaration{}, err
	}
	switch {
	case len(f.from) == 0:
		return f.served(ctx, p, endpoint)
	case f.repo != "":
		rev, err := readRepository(ctx, p, s, f.repo, "")
		if err != nil {
			return declaration{}, err
		}
		return declaredIn(rev.Trees[rev.Branch].FS, endpoint)
	default:
		return declaredIn(os.DirFS("."), endpoint)
	}
}

// served asks the gateway.
func (f *sourceFlags) served(ctx context.Context, p process, endpoint string) (declaration, error) {
	client, err := newAdminClient(p, f.admin)
	if err != nil {
		return declaration{}, err
	}
	var table struct {
		Endpoints []struct {
			Name     string
			Backends []struct {
				Name   string
				Weight float64
			}
			Mirrors []struct {
				Name    string
				Gates   map[string]json.RawMessage
				Compare json.RawMessage
			}
		}
	}
	if err := client.call(ctx, http.MethodGet, "/endpoints", nil, &table); err != nil {
		return declaration{}, err
	}
	d := declaration{mirrors: map[string]declaredMirror{}, weight: map[string]float64{}}
	for _, e := range table.Endpoints {
		if e.Name != endpoint {
			continue
		}
		for _, b := range e.Backends {
			d.weight[b.Name] = b.Weight
		}
		for _, m := range e.Mirrors {
			gates, err := readGates(m.Gates)
			if err != nil {
				return d, fmt.Errorf("the gateway's gates of %s: %w", m.Name, err)
			}
			d.mirrors[m.Name] = declaredMirror{gates: gates, tolerance: readTolerance(m.Compare)}
		}
	}
	return d, nil
}

// readGates reads gates as /endpoints shows them.
func readGates(written map[string]json.RawMessage) (*schema.Gates, error) {
	if len(written) == 0 {
		return nil, nil
	}
	gates := &schema.Gates{MinPairs: schema.DefaultMinPairs}
	if n, ok := written["minPairs"]; ok {
		if err := json.Unmarshal(n, &gates.MinPairs); err != nil {
			return nil, err
		}
	}
	for _, metric := range schema.Metrics() {
		var text string
		if raw, ok := written[string(metric)]; !ok || json.Unmarshal(raw, &text) != nil {
			continue
		}
		gate, err := schema.ParseGate(metric, text)
		if err != nil {
			return nil, err
		}
		gates.Gates = append(gates.Gates, gate)
	}
	return gates, nil
}

func readTolerance(compare json.RawMessage) *schema.Tolerance {
	var written struct{ Tolerance *schema.Tolerance }
	if json.Unmarshal(compare, &written) != nil {
		return nil // false: answers are not compared
	}
	return written.Tolerance
}

// declaredIn reads what a tree declares of an endpoint; one that does not hold it declares
// nothing.
func declaredIn(tree fs.FS, endpoint string) (declaration, error) {
	parsed, err := endpointIn(tree, endpoint)
	if parsed == nil || err != nil {
		return declaration{}, err
	}
	return declarationOf(parsed), nil
}

// endpointIn reads an endpoint from a tree; nil if it is not there.
func endpointIn(tree fs.FS, endpoint string) (*schema.Endpoint, error) {
	for _, extension := range []string{".yaml", ".yml"} {
		path := schema.EndpointsFolder + "/" + endpoint + extension
		text, err := fs.ReadFile(tree, path)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrInvalid) {
			continue
		}
		if err != nil {
			return nil, err
		}
		parsed, problems := schema.ParseEndpoint(schema.File{Path: filepath.ToSlash(path), Data: text})
		if err := problems.Err(); err != nil {
			return nil, fmt.Errorf("%s has problems: %w", path, err)
		}
		return parsed, nil
	}
	return nil, nil
}

func declarationOf(e *schema.Endpoint) declaration {
	d := declaration{mirrors: map[string]declaredMirror{}, weight: map[string]float64{}}
	for _, b := range e.Backends {
		d.weight[b.Name.V] = b.Weight.V
	}
	for _, m := range e.Mirrors {
		declared := declaredMirror{gates: m.Gates}
		if m.Compare != nil {
			declared.tolerance = m.Compare.Tolerance
		}
		d.mirrors[m.Name.V] = declared
	}
	return d
}

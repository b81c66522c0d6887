package main

import (
	"fmt"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/switchyard-gateway/switchyard/schema"
)

const (
	configFlag = "config"
	configEnv  = "SWITCHYARD_CONFIG"
)

// secretEnvs are variables that hold secrets, and therefore are neither flags
// nor keys of the configuration file. Each has a setting for a file instead.
var secretEnvs = []string{gitTokenEnv, gitPassphraseEnv, webhookSecretEnv, commitStatusTokenEnv, adminTokenEnv, consoleSecretEnv, consolePeersEnv, limitsPasswordEnv, signingEnv, pushKeyEnv}

// settings are the values of the table of settings, each checked, and the sinks, which
// stand in the configuration file only. What is asked for must be in the table and of
// the kind asked for.
type settings struct {
	values map[string]string // by key
	sinks  []schema.Sink
	config string // path of the configuration file; empty: none
}

func (s settings) text(key string) string            { return s.value(key) }
func (s settings) flag(key string) bool              { return must(schema.ParseBool(s.value(key))) }
func (s settings) number(key string) int             { return must(schema.ParseInt(s.value(key))) }
func (s settings) size(key string) int64             { return must(schema.ParseSize(s.value(key))) }
func (s settings) duration(key string) time.Duration { return must(schema.ParseDuration(s.value(key))) }

func (s settings) fraction(key string) float64 {
	return must(schema.ParseFloat(s.value(key)))
}

func (s settings) prefixes(key string) []netip.Prefix {
	var all []netip.Prefix
	for _, item := range schema.ParseStrings(s.value(key)) {
		all = append(all, must(schema.ParsePrefix(item)))
	}
	return all
}

func (s settings) list(key string) []string { return schema.ParseStrings(s.value(key)) }

func (s settings) value(key string) string {
	v, ok := s.values[key]
	if !ok {
		panic("there is no setting " + key)
	}
	return v
}

// must is a value that was parsed once before, when it was checked.
func must[T any](v T, err error) T {
	if err != nil {
		panic("a checked setting is wrong: " + err.Error())
	}
	return v
}

// layers are where settings come from, the one that wins first: flags, the
// environment, the file, the defaults.
type layers struct {
	flags map[string]string // by flag, those that were given
	env   environment
	file  string // path of the configuration file; empty: none
	// calls says that the command does not serve: the variable for the admin listener
	// names the one of a gateway then, as adminHelp says, and is none of its settings.
	calls bool
}

// resolve finds the value of every setting. The error tells which value is
// wrong and where it stands.
func (l layers) resolve() (settings, error) {
	written, sinks, err := readConfig(l.file)
	if err != nil {
		return settings{}, err
	}
	all := settings{values: map[string]string{}, sinks: sinks, config: l.file}
	for _, s := range schema.Settings() {
		value, from := s.Default, ""
		if v, ok := written[s.Key]; ok {
			value, from = v.V, v.Pos.String()
		}
		if v, ok := l.env.lookup(s.Env); ok && (!l.calls || s.Env != adminEnv) {
			value, from = v, "environment variable "+s.Env
		}
		if v, ok := l.flags[s.Flag]; ok {
			value, from = v, "flag --"+s.Flag
		}
		if err := s.Check(value); err != nil && from != "" {
			return settings{}, usagef("%s: %w", from, err)
		}
		all.values[s.Key] = value
	}
	return all, nil
}

// readConfig reads the configuration file, if there is one.
func readConfig(path string) (map[string]schema.Value[string], []schema.Sink, error) {
	if path == "" {
		return nil, nil, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, fmt.Errorf("read the configuration file: %w", err)
	}
	file := schema.File{Path: path, Data: text}
	written, problems := schema.ParseSettings(file)
	if err := problems.Err(); err != nil {
		return nil, nil, usageError{err}
	}
	sinks, problems := schema.ParseSinks(file)
	if err := problems.Err(); err != nil {
		return nil, nil, usageError{err}
	}
	return written, sinks, nil
}

// environment is NAME=value, as the operating system gives it.
type environment []string

// lookup is the last value of a variable.
func (e environment) lookup(name string) (string, bool) {
	for _, pair := range slices.Backward(e) {
		if n, v, _ := strings.Cut(pair, "="); n == name {
			return v, true
		}
	}
	return "", false
}

// injected are variables that Kubernetes sets for a service named switchyard.
var injected = regexp.MustCompile(`^SWITCHYARD_(SERVICE_(HOST|PORT.*)|PORT(_.*)?)$`)

// unknown says what is wrong with variables that look as if they were meant for
// Switchyard and are read by nobody.
func (e environment) unknown() []string {
	known := append(append([]string{configEnv}, secretEnvs...), clientEnvs...)
	for _, s := range schema.Settings() {
		known = append(known, s.Env)
	}
	var warnings []string
	for _, pair := range e {
		name, _, _ := strings.Cut(pair, "=")
		if !strings.HasPrefix(name, "SWITCHYARD_") || slices.Contains(known, name) || injected.MatchString(name) {
			continue
		}
		warning := fmt.Sprintf("environment variable %s is not known and has no effect", name)
		if near, ok := schema.Nearest(name, known); ok {
			warning += "; did you mean " + near + "?"
		}
		warnings = append(warnings, warning)
	}
	slices.Sort(warnings)
	return slices.Compact(warnings)
}

package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/switchyard-gateway/switchyard/schema"
)

// addSettings gives a command a flag for each setting, or for those with the
// keys, and --config. Its help shows them by group.
func addSettings(command *cobra.Command, keys ...string) {
	var groups []*pflag.FlagSet
	for _, s := range schema.Settings() {
		if len(keys) > 0 && !slices.Contains(keys, s.Key) {
			continue
		}
		if len(groups) == 0 || groups[len(groups)-1].Name() != s.Group {
			groups = append(groups, pflag.NewFlagSet(s.Group, pflag.ContinueOnError))
		}
		f := groups[len(groups)-1].VarPF(&settingFlag{setting: s}, s.Flag, "", s.Help)
		if s.Kind == schema.KindBool {
			f.NoOptDefVal = "true"
		}
	}
	for _, g := range groups {
		command.Flags().AddFlagSet(g)
	}
	command.Flags().String(configFlag, "", "`FILE` with settings by their keys; see switchyard schema config.")
	command.SetUsageFunc(func(c *cobra.Command) error { return usage(c, groups) })
}

// settingFlag is the value of a flag in the making. A value is checked when all
// layers are known, so that the error names where it stands.
type settingFlag struct {
	setting schema.Setting
	value   string
}

// Set takes the value of the flag; a flag with a list can be given again to add
// to it.
func (f *settingFlag) Set(value string) error {
	if f.setting.Kind == schema.KindStrings && f.value != "" {
		value = f.value + "," + value
	}
	f.value = value
	return nil
}

func (f *settingFlag) String() string { return cmp.Or(f.value, f.setting.Default) }

// Type is what stands for the value in help texts.
func (f *settingFlag) Type() string {
	if f.setting.Kind == schema.KindStrings {
		return "list"
	}
	return string(f.setting.Kind)
}

// givenSettings resolves the settings of a command that addSettings was called for.
func givenSettings(p process, command *cobra.Command) (settings, error) {
	l := layers{flags: map[string]string{}, env: p.env}
	command.Flags().Visit(func(f *pflag.Flag) {
		if v, ok := f.Value.(*settingFlag); ok {
			l.flags[f.Name] = v.value
		}
	})
	l.file = givenConfig(p, command)
	l.calls = !isSetting(command.Flags().Lookup("admin"))
	for _, warning := range p.env.unknown() {
		fmt.Fprintln(p.stderr, "switchyard: warning:", warning)
	}
	return l.resolve()
}

// isSetting reports whether a flag is that of a setting; nil is none.
func isSetting(f *pflag.Flag) bool {
	if f == nil {
		return false
	}
	_, ok := f.Value.(*settingFlag)
	return ok
}

// givenConfig is the path of the configuration file; empty: none.
func givenConfig(p process, command *cobra.Command) string {
	if f := command.Flags().Lookup(configFlag); f.Changed {
		return f.Value.String()
	}
	path, _ := p.env.lookup(configEnv)
	return path
}

// usage prints how a command with settings is called.
func usage(c *cobra.Command, groups []*pflag.FlagSet) error {
	var b strings.Builder
	fmt.Fprintf(&b, "Usage:\n  %s\n\nExamples:\n%s\n", c.UseLine(), c.Example)
	others := pflag.NewFlagSet("", pflag.ContinueOnError)
	others.AddFlagSet(c.LocalFlags())
	shown := pflag.NewFlagSet("", pflag.ContinueOnError)
	for _, g := range groups {
		g.SortFlags = false
		fmt.Fprintf(&b, "\n%s:\n%s", g.Name(), g.FlagUsages())
		shown.AddFlagSet(g)
	}
	b.WriteString("\nOthers:\n")
	rest := pflag.NewFlagSet("", pflag.ContinueOnError)
	others.VisitAll(func(f *pflag.Flag) {
		if shown.Lookup(f.Name) == nil {
			rest.AddFlag(f)
		}
	})
	b.WriteString(rest.FlagUsages())
	_, err := fmt.Fprint(c.OutOrStderr(), b.String())
	return err
}

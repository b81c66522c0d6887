package main

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// What docs/migrating.md makes of a configuration of JetProxy is what the command
// makes of it.
func TestDocumentedImportIsThatOfItsExample(t *testing.T) {
	page, r := readPage(t, "docs/migrating.md"), newReader(t)
	for _, b := range page.blocks("yaml") {
		if strings.HasPrefix(b.text, "# JetProxy: config.yaml\n") {
			r.write("config.yaml", b.text)
		}
	}
	t.Chdir(r.dir)
	console := page.blocks("console")[0]
	page.shows(t, console, r.session(console.text))
}

// session is a console with what its commands print: those of switchyard, which
// must succeed, and those of the shell. What goes to stderr comes last, as on a
// terminal.
func (r *reader) session(console string) string {
	r.t.Helper()
	return prompted(console, func(command string) string {
		if arguments, ok := strings.CutPrefix(command, "switchyard "); ok {
			return r.switchyard(arguments)
		}
		out, err := r.shell(command)
		if err != nil {
			r.t.Errorf("%s: %v", command, err)
		}
		return out
	})
}

// Every call of switchyard that a page shows names a command and flags that there
// are, with values that they take.
func TestDocumentedCommandsAreThere(t *testing.T) {
	call := regexp.MustCompile(`(?m)^(?:\$ |- run: |run: |exec |\s*)switchyard((?: .*)?)$`)
	found := 0
	for _, pattern := range []string{"*.md", "docs/*.md", "charts/*/*.md"} {
		paths, err := filepath.Glob(filepath.Join("..", "..", filepath.FromSlash(pattern)))
		if err != nil || len(paths) == 0 {
			t.Fatalf("no pages %s: %v", pattern, err)
		}
		for _, path := range paths {
			name, err := filepath.Rel(filepath.Join("..", ".."), path)
			if err != nil {
				t.Fatal(err)
			}
			page := readPage(t, filepath.ToSlash(name))
			for _, language := range []string{"", "sh", "console", "yaml"} {
				for _, b := range page.blocks(language) {
					text := strings.ReplaceAll(b.text, "\\\n", " ")
					for _, m := range call.FindAllStringSubmatch(text, -1) {
						found++
						takesArguments(t, name, m[1])
					}
				}
			}
		}
	}
	if found < 40 {
		t.Errorf("%d calls found: they are not where the test looks", found)
	}
}

// takesArguments parses what follows switchyard in a line of the shell.
func takesArguments(t *testing.T, page, line string) {
	t.Helper()
	arguments := words(line)
	command, rest, err := newRoot(process{}).Find(arguments)
	if err != nil {
		t.Errorf("%s: switchyard%s: %v", page, line, err)
		return
	}
	// A value may stand in a variable of the shell, which only the names can be checked of.
	for i, a := range rest {
		if flag, _, ok := strings.Cut(a, "$"); ok && strings.HasPrefix(flag, "--") {
			rest[i] = flag
		}
	}
	if err := command.ParseFlags(rest); err != nil && !strings.Contains(err.Error(), pflag.ErrHelp.Error()) {
		t.Errorf("%s: switchyard%s: %v", page, line, err)
	}
}

// words are those of a line of the shell, without quotes, up to what is no part of
// the command any more.
func words(line string) []string {
	word := regexp.MustCompile(`'[^']*'|"[^"]*"|[^\s'"]+`)
	var all []string
	for _, w := range word.FindAllString(line, -1) {
		if strings.HasPrefix(w, "#") || strings.ContainsAny(w, "|&;<>") && !strings.ContainsAny(w, `'"`) {
			break
		}
		all = append(all, strings.Trim(w, `'"`))
	}
	return all
}

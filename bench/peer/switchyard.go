package peer

import (
	"fmt"
	"path"
)

// switchyardFiles are the files of a repository that declares the site, by path.
// Requests are assigned by the user, as the split of the other peers is.
func switchyardFiles(s Site) map[string]string {
	files := map[string]string{}
	for _, d := range append([]string{A, B}, mirrors()...) {
		files["deployments/"+d+".yaml"] = fmt.Sprintf("schemaVersion: 1\nversions:\n  1: {url: \"http://%s/e\"}\n", s.address(d))
	}
	endpoint := func(at, text string) {
		files["endpoints/"+path.Base(at)+".yaml"] = "schemaVersion: 1\npath: " + at + "\n" + text
	}
	const byUser = "assignment: {key: header:x-user-id}\n"
	endpoint(Plain, "backends:\n  a: "+deployed(A)+"\n"+byUser)
	endpoint(Split, fmt.Sprintf("backends:\n  a: {%s, weight: 90}\n  b: {%s, weight: 10}\n", inner(A), inner(B))+byUser)
	for _, m := range mirrors() {
		endpoint(Mirrored(m), "backends:\n  a: "+deployed(A)+"\nmirrors:\n  m: "+mirrored(m)+"\n"+byUser)
	}
	for at, to := range s.numbered {
		endpoint(at, "backends:\n  a: "+deployed(to)+"\n"+byUser)
	}
	return files
}

func deployed(name string) string { return "{" + inner(name) + "}" }

// mirrored is a mirror whose answers are not compared: no peer does so.
func mirrored(name string) string { return "{" + inner(name) + ", compare: false}" }

func inner(name string) string {
	return fmt.Sprintf("deployment: {branch: main, name: %s, version: 1}", name)
}

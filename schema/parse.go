package schema

import (
	"path"
	"strings"

	"gopkg.in/yaml.v3"
)

// SchemaVersion is the only version of the documents that this build supports.
const SchemaVersion = 1

// ParseEndpoint parses an endpoint document. Without diagnostics the endpoint is
// valid by itself. With diagnostics it is what could be understood, for further
// checks and never to be served: its path, and every part of its references, is
// valid or empty, and nothing else is promised. It is nil when not even its keys
// could be told apart.
func ParseEndpoint(f File) (*Endpoint, Diagnostics) {
	d, root, ok := open(f)
	name := d.name(IsEndpointName, endpointForm)
	if !ok || !d.supported(root, true) {
		return nil, d.finish()
	}
	e := d.endpoint(root)
	e.Name = name
	return e, d.finish()
}

// ParseDeployment parses a deployment document. Without diagnostics the
// deployment is valid by itself. With diagnostics it says which versions and
// aliases there are, as far as that could be understood, and nothing else is
// promised. It is nil when not even its keys could be told apart.
func ParseDeployment(f File) (*Deployment, Diagnostics) {
	d, root, ok := open(f)
	name := d.name(IsLabel, labelForm)
	if !ok || !d.supported(root, true) {
		return nil, d.finish()
	}
	dep := d.deployment(root)
	dep.Name = name
	return dep, d.finish()
}

// ParseAPIKey parses the document of an API key. Without diagnostics the key is
// valid by itself. With diagnostics it is what could be understood, and never to
// be used. It is nil when not even its keys could be told apart.
func ParseAPIKey(f File) (*APIKey, Diagnostics) {
	d, root, ok := open(f)
	name := d.name(IsLabel, labelForm)
	if !ok || !d.supported(root, true) {
		return nil, d.finish()
	}
	k := d.apiKey(root)
	k.Name = name
	return k, d.finish()
}

// name is what the file's name says about the document.
func (d *document) name(good func(string) bool, form string) string {
	base := path.Base(d.file.Path)
	name := strings.TrimSuffix(base, path.Ext(base))
	if !good(name) {
		d.report(d.whole(), RuleFile, "a file here cannot be named %s; before its ending, the name takes %s", quoted(base), form)
	}
	return name
}

// supported reports whether the document is of a version that this build can
// read. Another version may mean anything else by its keys, so nothing is said
// about them; a missing or unreadable version is taken for the supported one.
func (d *document) supported(root *mapping, required bool) bool {
	n, ok := root.take("schemaVersion")
	switch {
	case !ok && required && !root.misspelt("schemaVersion"):
		d.report(root.pos, RuleSchemaVersion, "schemaVersion is missing; this build supports schemaVersion: %d", SchemaVersion)
	case !ok:
	case n.Kind == yaml.ScalarNode && n.Tag == intTag && wholeNumber.MatchString(n.Value):
		if n.Value == "1" {
			return true
		}
		d.report(n.pos, RuleSchemaVersion, "schemaVersion %s is not supported; this build supports schemaVersion: %d", n.Value, SchemaVersion)
		return false
	default:
		d.report(n.pos, RuleSchemaVersion, "schemaVersion must be an integer, not %s; this build supports schemaVersion: %d", describe(n), SchemaVersion)
	}
	return true
}

package schema_test

import (
	"slices"
	"strings"

	"github.com/switchyard-gateway/switchyard/schema"
)

// rulesValue is how requests are changed, as plain values with the keys of a
// document.
func rulesValue(r schema.Rules) object {
	set, add, remove := object{}, object{}, []any{}
	for _, h := range r.Headers {
		set[strings.ToLower(h.Name.V)] = h.Value.V
	}
	for _, h := range r.Added {
		add[strings.ToLower(h.Name.V)] = h.Value.V
	}
	for _, name := range r.Removed {
		remove = append(remove, strings.ToLower(name.V))
	}
	members, without := object{}, []any{}
	for _, m := range r.Body.Set {
		members[m.Pointer.V] = fromJSON(m.Value)
	}
	for _, pointer := range r.Body.Remove {
		without = append(without, pointer.V)
	}
	return object{
		"path": object{"replace": r.Path.Replace, "prefix": r.Path.Prefix}, "host": r.Host, "forwardAuthorization": r.ForwardAuthorization,
		"headers": object{"set": set, "add": add, "remove": remove}, "body": object{"set": members, "remove": without},
	}
}

// withRulesDefaults writes into what has rules, as yaml.v3 reads it, all that holds
// by default.
func withRulesDefaults(o object, forward bool, removed ...any) {
	absent(o, "path", object{})
	absent(o["path"].(object), "replace", "")
	absent(o["path"].(object), "prefix", "")
	absent(o, "host", "")
	absent(o, "forwardAuthorization", forward)
	absent(o, "body", object{})
	body := o["body"].(object)
	absent(body, "set", object{})
	if removed = slices.DeleteFunc(removed, func(p any) bool {
		for set := range body["set"].(object) {
			if schema.PathsOverlap(set, p.(string)) {
				return true
			}
		}
		return false
	}); removed == nil {
		removed = []any{}
	}
	absent(body, "remove", removed)
	absent(o, "headers", object{})
	o["headers"] = headersValue(o["headers"].(object))
}

// headersValue is the long form of the key headers, with names in small letters.
func headersValue(headers object) object {
	long := false
	for _, key := range []string{"set", "add", "remove"} {
		switch headers[key].(type) {
		case object, []any:
			long = true
		}
	}
	if !long {
		headers = object{"set": headers}
	}
	absent(headers, "set", object{})
	absent(headers, "add", object{})
	absent(headers, "remove", []any{})
	for _, key := range []string{"set", "add"} {
		lower := object{}
		for name, value := range headers[key].(object) {
			lower[strings.ToLower(name)] = value
		}
		headers[key] = lower
	}
	for i, name := range headers["remove"].([]any) {
		headers["remove"].([]any)[i] = strings.ToLower(name.(string))
	}
	return headers
}

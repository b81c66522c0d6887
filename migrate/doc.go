// Package migrate turns the configurations of other gateways into endpoints and
// deployments. It is pure: what it makes is text, for a person to look at, check
// and commit.
//
//	config, problems := schema.ParseJetProxy(file)
//	result := migrate.JetProxy(config, "main")
//	for _, f := range result.Files { ... }
//
// What has no counterpart is never passed over in silence: it is in
// [Result.Notes], with its position and what to do instead.
package migrate

package main

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"runtime/debug"
	"strings"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/switchyard-gateway/switchyard/cmd/switchyard/serve"
	"github.com/switchyard-gateway/switchyard/deployments"
	"github.com/switchyard-gateway/switchyard/gateway"
	"github.com/switchyard-gateway/switchyard/gateway/forward"
	"github.com/switchyard-gateway/switchyard/gateway/mirror"
	"github.com/switchyard-gateway/switchyard/gateway/pair"
	"github.com/switchyard-gateway/switchyard/gateway/recent"
	"github.com/switchyard-gateway/switchyard/gateway/record"
	"github.com/switchyard-gateway/switchyard/gitsync"
	"github.com/switchyard-gateway/switchyard/schema"
)

const serveLong = `Follow a git repository and serve the endpoints that it declares.

Every setting is a flag, an environment variable and a key of the configuration
file; the first of these that holds it wins. --mirror-timeout is
SWITCHYARD_MIRROR_TIMEOUT and mirrorTimeout. Secrets are never flags: tokens and
keys stand in files, and deployments name variables and files with ${env:NAME}
and ${file:PATH}.

SIGHUP syncs at once, opens the log file anew and reads certificates. SIGTERM and SIGINT end the
process when what began has ended, within --grace-period; the second one ends it
at once.`

const serveExample = `  switchyard serve --repo https://git.example.com/models.git --git-token-file /run/secrets/git --state /var/lib/switchyard
  switchyard serve --repo git@git.example.com:models.git --poll 10s
  switchyard serve --repo . --log records.log
  SWITCHYARD_REPO=/srv/models.git switchyard serve --config switchyard.yaml`

func newServe(p process) *cobra.Command {
	command := &cobra.Command{
		Use:     "serve --repo URL_OR_PATH",
		Short:   "Follow a repository and serve its endpoints",
		Long:    serveLong,
		Example: serveExample,
		Args:    noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			s, err := givenSettings(p, c)
			if err != nil {
				return err
			}
			if s.text("repo") == "" {
				return usageError{errors.New("there is no repository to follow: give --repo, SWITCHYARD_REPO or repo in the configuration file")}
			}
			collectLess(p)
			limitMemory(p)
			o := serveOptions(p, s)
			if o.Repository.Auth, err = gitAuth(p, s); err != nil {
				return err
			}
			if o.Repository.Verify, err = verification(s); err != nil {
				return err
			}
			if err := forgeOptions(p, s, &o); err != nil {
				return err
			}
			if err := tlsOptions(s, &o); err != nil {
				return err
			}
			if err := inherit(&o); err != nil {
				return err
			}
			if err := adminOptions(p, s, &o); err != nil {
				return err
			}
			if err := tokenOptions(s, &o); err != nil {
				return err
			}
			if err := limitOptions(p, s, &o); err != nil {
				return err
			}
			if o.Telemetry, err = telemetryOptions(p, s); err != nil {
				return err
			}
			if o.Console, err = consoleOptions(p, s); err != nil {
				return err
			}
			ctx, signals := watchSignals(c.Context())
			defer signals.stop()
			o.Hangup, o.Abort = signals.hangup, signals.abort
			defer tellService(ctx, &o)()
			return serve.Run(ctx, o)
		},
	}
	addSettings(command)
	return command
}

// garbage is how much may gather, in percent of what is in use, before it is
// collected.
const garbage = 300

// collectLess lets more garbage gather than Go does by itself, unless GOGC says
// how much: a gateway holds so little that it would collect many times a second.
func collectLess(p process) {
	if _, given := p.env.lookup("GOGC"); !given {
		debug.SetGCPercent(garbage)
	}
}

// ofMemory is the part of the memory that the process may use, by its cgroup, up
// to which Go collects as usual. What is left is for what Go does not count.
const ofMemory = 0.9

// limitMemory tells Go how much memory a container or a service manager grants,
// unless GOMEMLIMIT says it, so that it collects harder before the kernel ends
// the process.
func limitMemory(p process) {
	if _, given := p.env.lookup("GOMEMLIMIT"); !given {
		_, _ = memlimit.Set(memlimit.WithRatio(ofMemory)) // where there is no cgroup, there is no limit
	}
}

// toStdout is what the setting log says in place of the path of a file.
const toStdout = "stdout"

// serveOptions translates settings; nothing is decided here.
func serveOptions(p process, s settings) serve.Options {
	o := serve.Options{
		Version:    readBuild().Version,
		Listen:     s.text("listen"),
		H2C:        s.flag("h2c"),
		Admin:      s.text("admin"),
		Metrics:    s.text("metrics"),
		Repository: repositoryOptions(s),
		Secrets:    secrets(p, s),
		Access:     declaredAccess(s),
		Sinks:      serve.Sinks{Declared: s.sinks, Secret: sinkSecret(p)},
		Forward: forward.Options{
			TrustedProxies:  s.prefixes("trustedProxies"),
			MaxRequestBytes: s.size("maxRequestBytes"),
		},
		Overload: gateway.Overload{MaxInFlight: s.number("maxInFlight"), Memory: s.size("memoryLimit")},
		JSON:     gateway.JSON{MaxBody: s.size("jsonMaxBody"), Budget: s.size("jsonBudget")},
		Mirror: mirror.Options{
			MaxBody: s.size("mirrorMaxBody"),
			Budget:  s.size("mirrorBudget"),
			Queue:   s.number("mirrorQueue"),
			Workers: s.number("mirrorWorkers"),
			Timeout: s.duration("mirrorTimeout"),
		},
		CaptureBudget:     s.size("captureBudget"),
		Pair:              pair.Options{Budget: s.size("compareBudget")},
		OwnFront:          s.text("front") == "own",
		OwnUpstream:       s.text("upstream") == "own",
		ReadHeaderTimeout: s.duration("readHeaderTimeout"),
		IdleTimeout:       s.duration("idleTimeout"),
		MaxHeaderBytes:    int(s.size("maxHeaderBytes")),
		MaxConnections:    s.number("maxConnections"),
		MinBodyRate:       s.size("minBodyRate"),
		ShutdownDelay:     s.duration("shutdownDelay"),
		GracePeriod:       s.duration("gracePeriod"),
		LogLevel:          must(zerolog.ParseLevel(s.text("logLevel"))),
		Stdout:            p.stdout,
	}
	if n := s.number("recentRecords"); n > 0 {
		o.Recent = &recent.Options{Records: n, Bytes: s.size("recentBytes")}
	}
	if path := s.text("log"); path != toStdout {
		o.LogFile = &record.FileOptions{
			Path:     path,
			Size:     s.size("logMaxSize"),
			Every:    s.duration("logRotateEvery"),
			Age:      s.duration("logMaxAge"),
			Files:    s.number("logMaxFiles"),
			Compress: s.flag("logCompress"),
		}
	}
	return o
}

// declaredAccess is what endpoints that do not say ask of callers.
func declaredAccess(s settings) schema.Access {
	if given := s.text("access"); given != "auto" {
		return schema.Access(given)
	}
	return ""
}

func repositoryOptions(s settings) gitsync.Options {
	return gitsync.Options{
		URL:      s.text("repo"),
		Branch:   s.text("branch"),
		Poll:     s.duration("poll"),
		StateDir: s.text("state"),
		Keep:     s.number("stateRevisions"),
		Timeout:  s.duration("gitTimeout"),
		MaxBytes: s.size("gitMaxBytes"),
		Proxy:    http.ProxyFromEnvironment,
	}
}

// sinkSecret looks up what stands in the place of secrets in the configuration
// file. Errors never tell what was found.
func sinkSecret(p process) func(schema.Placeholder) (string, error) {
	return func(of schema.Placeholder) (string, error) {
		if of.Kind == schema.PlaceholderEnv {
			if value, ok := p.env.lookup(of.Name); ok {
				return value, nil
			}
			return "", fmt.Errorf("%s: the environment variable is not set", of)
		}
		text, err := os.ReadFile(of.Name)
		if err != nil {
			return "", fmt.Errorf("%s: the file cannot be read", of)
		}
		return strings.TrimRight(string(text), "\r\n"), nil
	}
}

// secrets resolves what placeholders of deployments stand for.
func secrets(p process, s settings) deployments.Secrets {
	return deployments.Secrets{Env: p.env.lookup, Own: s.ownVariables(), File: newSecretFiles(s.text("secretsDir"), s.ownFiles()).read}
}

package main

import (
	"encoding/base64"
	"net/http"
	"strings"
)

func adminWithoutToken(b *besieged) (tried, through int) {
	for _, path := range []string{"/status", "/endpoints", "/metrics", "/revisions", "/debug/pprof/", "/debug/pprof/cmdline", "/debug/pprof/heap", "/sync", "/pin?commit=1", "/unpin", "//status", "/status/../status", "/healthz/../status"} {
		for _, method := range []string{"GET", "POST"} {
			for _, fields := range [][]string{nil, {"Authorization: Bearer "}, {"Authorization: Bearer " + b.token[:len(b.token)-1]}, {"Authorization: Bearer " + b.token + "x"}, {"Authorization: " + b.token}, {"Authorization: Bearer " + b.key}, {"X-API-Key: " + b.token}} {
				tried++
				if status := b.sendAdmin(sent{method: method, path: path, fields: fields}).status; status != http.StatusUnauthorized {
					b.t.Errorf("%s %s with %v was answered with %d", method, path, fields, status)
					through++
				}
			}
		}
	}
	return tried, through
}

func adminByOtherMethods(b *besieged) (tried, through int) {
	for _, path := range []string{"/sync", "/pin?commit=1", "/unpin"} {
		for _, method := range []string{"GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "post"} {
			tried++
			if status := b.sendAdmin(sent{method: method, path: path, fields: []string{"Authorization: Bearer " + b.token}}).status; status != http.StatusMethodNotAllowed {
				b.t.Errorf("%s %s was answered with %d", method, path, status)
				through++
			}
		}
	}
	return tried, through
}

func consoleWithoutToken(b *besieged) (tried, through int) {
	for _, path := range []string{"/", "/?q=e", "/console/", "/console/records", "/console/revisions", "/console/new", "/console/endpoints/pricing", "/console/endpoints/pricing/change", "/console/events/records", "/console/events/endpoints", "/console/publish", "/console/pin", "/console/login/issued?code=1&state=1", "/console/assets/../records"} {
		for _, method := range []string{"GET", "POST"} {
			for _, field := range []string{"X-None: 1", "Authorization: Bearer " + b.token + "x", "Cookie: switchyard_console=" + b.token, "Authorization: Bearer " + b.key} {
				tried++
				got := b.sendAdmin(sent{method: method, path: path, fields: []string{field}})
				if got.status < 300 || strings.Contains(got.text, "/console/endpoints/pricing") {
					b.t.Errorf("%s %s with %v was answered with %d", method, path, field, got.status)
					through++
				}
			}
		}
	}
	return tried, through
}

func adminFromPages(b *besieged) (tried, through int) {
	for _, path := range []string{"/sync", "/pin?commit=1", "/unpin"} {
		for _, field := range []string{"Origin: https://evil.example", "Origin: null", "Origin: http://" + b.admin, "Sec-Fetch-Site: cross-site", "Sec-Fetch-Site: same-site", "Sec-Fetch-Site: same-origin"} {
			tried++
			if status := b.sendAdmin(sent{path: path, fields: []string{"Authorization: Bearer " + b.token, field}}).status; status != http.StatusForbidden {
				b.t.Errorf("%s with %s was answered with %d", path, field, status)
				through++
			}
		}
	}
	for _, path := range []string{"/status", "/endpoints", "/metrics", "/revisions", "/records", "/debug/pprof/profile?seconds=1"} {
		for _, site := range []string{"cross-site", "same-site"} {
			for _, mode := range []string{"no-cors", "cors", "websocket"} {
				tried++
				if status := b.sendAdmin(sent{method: "GET", path: path, fields: []string{"Authorization: Bearer " + b.token, "Sec-Fetch-Site: " + site, "Sec-Fetch-Mode: " + mode}}).status; status != http.StatusForbidden {
					b.t.Errorf("%s loaded by a page of another site was answered with %d", path, status)
					through++
				}
			}
		}
	}
	password := base64.StdEncoding.EncodeToString([]byte("admin:" + b.token))
	for _, path := range []string{"/debug/pprof/", "/debug/pprof/profile?seconds=1", "/debug/pprof/trace?seconds=1"} { // over plain HTTP a browser does not tell
		tried++
		if status := b.sendAdmin(sent{method: "GET", path: path, fields: []string{"Authorization: Basic " + password, "User-Agent: Mozilla/5.0 (X11; Linux x86_64)"}}).status; status != http.StatusForbidden {
			b.t.Errorf("%s loaded by a page over plain HTTP was answered with %d", path, status)
			through++
		}
	}
	return tried, through
}

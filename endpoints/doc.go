// Package endpoints holds declared endpoints and how their requests are assigned and sampled.
package endpoints

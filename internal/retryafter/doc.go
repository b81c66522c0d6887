// Package retryafter reads for how long a server wants to be left alone.
package retryafter

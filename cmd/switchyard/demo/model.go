package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// maxModelBody is as much of a request as a model reads.
const maxModelBody = 1 << 20

// inference is what a model does with the arguments of one row.
type inference func(ctx context.Context, args []float64) (float64, error)

// linear is the pricing model: a price that grows with the quantity.
func linear(slope, base float64) inference {
	return func(_ context.Context, args []float64) (float64, error) {
		price := base
		for _, quantity := range args {
			price += slope * quantity
		}
		return price, nil
	}
}

// slow gives the answers of model late.
func slow(model inference, delay time.Duration) inference {
	return func(ctx context.Context, args []float64) (float64, error) {
		select {
		case <-time.After(delay):
			return model(ctx, args)
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// failing gives an error instead of every nth answer of model.
func failing(model inference, nth uint64) inference {
	var calls atomic.Uint64
	return func(ctx context.Context, args []float64) (float64, error) {
		if calls.Add(1)%nth == 0 {
			return 0, errors.New("the model ran out of luck")
		}
		return model(ctx, args)
	}
}

// modelServer is a model that answers over HTTP the way hosted models do:
// {"data": 10} is one row, {"data": [[ID, ARGUMENT...], ...]} is a batch.
type modelServer struct {
	url    string
	server *http.Server
	done   chan error // what ended the server; capacity 1, so that it never waits
}

// startModel serves model on a free port of the loopback interface until close
// is called.
func startModel(ctx context.Context, model http.Handler) (*modelServer, error) {
	var listen net.ListenConfig
	listener, err := listen.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start a model server: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("POST /predict", model)
	m := &modelServer{
		url:    "http://" + listener.Addr().String() + "/predict",
		server: &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second},
		done:   make(chan error, 1),
	}
	go func() { m.done <- m.server.Serve(listener) }()
	return m, nil
}

// close ends the server at once and waits for it.
func (m *modelServer) close() {
	_ = m.server.Close()
	<-m.done
}

// ServeHTTP answers one request. An error is an error string in the JSON, as
// the clients of hosted models expect it.
func (model inference) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxModelBody))
	if err != nil {
		answer(w, http.StatusRequestEntityTooLarge, map[string]any{"error": "the body is too large"})
		return
	}
	data, err := model.infer(r.Context(), body)
	var bad badInputError
	switch {
	case errors.As(err, &bad):
		answer(w, http.StatusBadRequest, map[string]any{"error": err.Error()})
	case err != nil:
		answer(w, http.StatusInternalServerError, map[string]any{"error": err.Error()})
	default:
		answer(w, http.StatusOK, map[string]any{"data": data})
	}
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// badInputError is a body that is not what a model takes.
type badInputError string

func (e badInputError) Error() string { return string(e) }

const errInput = badInputError(`the body must be {"data": NUMBER} or {"data": [[ID, NUMBER...], ...]}`)

func (model inference) infer(ctx context.Context, body []byte) (any, error) {
	var input struct {
		Data json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(body, &input); err != nil || input.Data == nil || string(input.Data) == "null" {
		return nil, errInput
	}
	var number float64
	if json.Unmarshal(input.Data, &number) == nil {
		return model(ctx, []float64{number})
	}
	var numbers []float64
	if json.Unmarshal(input.Data, &numbers) == nil {
		return model(ctx, numbers)
	}
	var rows [][]json.RawMessage
	if json.Unmarshal(input.Data, &rows) != nil {
		return nil, errInput
	}
	return model.batch(ctx, rows)
}

// batch answers [[ID, ARGUMENT...], ...] with [[ID, OUTPUT], ...]; callers pair
// them by the IDs, which are passed on as they came.
func (model inference) batch(ctx context.Context, rows [][]json.RawMessage) (any, error) {
	outputs := make([][2]any, 0, len(rows))
	for _, row := range rows {
		if len(row) < 2 {
			return nil, errInput
		}
		arguments := make([]float64, len(row)-1)
		for i, raw := range row[1:] {
			if json.Unmarshal(raw, &arguments[i]) != nil {
				return nil, errInput
			}
		}
		output, err := model(ctx, arguments)
		if err != nil {
			return nil, err
		}
		outputs = append(outputs, [2]any{row[0], output})
	}
	return outputs, nil
}

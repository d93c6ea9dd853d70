package api

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"

	pb "github.com/tiltmeter/tiltmeter/proto/gen/tiltmeter/v1"
)

// jsonFormat is how REST answers look: lists, counts and empty texts are always there, so that a
// reader need not ask; what is unknown or left out (an optional field, an unset message) is absent.
var jsonFormat = runtime.JSONPb{
	MarshalOptions:   protojson.MarshalOptions{EmitDefaultValues: true},
	UnmarshalOptions: protojson.UnmarshalOptions{DiscardUnknown: true},
}

// newGateway returns the REST API. It calls gRPC over a connection in memory, so that a request passes
// the same interceptors whichever way it came, and streams work.
func (s *Server) newGateway() (http.Handler, *grpc.ClientConn, error) {
	conn, err := grpc.NewClient("passthrough:///api",
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return s.inner.DialContext(ctx) }),
		grpc.WithTransportCredentials(insecure.NewCredentials()), // it never leaves the process
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(s.limits.ResponseBytes)),
	)
	if err != nil {
		return nil, nil, fmt.Errorf("connect gateway: %w", err)
	}
	mux := runtime.NewServeMux(
		runtime.WithMarshalerOption(runtime.MIMEWildcard, &jsonFormat),
		runtime.WithIncomingHeaderMatcher(toMetadata),
		runtime.WithOutgoingHeaderMatcher(func(string) (string, bool) { return "", false }),
		runtime.WithErrorHandler(writeStatus),
		runtime.WithDisablePathLengthFallback(), // GET is GET: a form must not stand in for it
	)
	for _, register := range []func(context.Context, *runtime.ServeMux, *grpc.ClientConn) error{
		pb.RegisterTraceServiceHandler, pb.RegisterIngestServiceHandler,
		pb.RegisterProjectServiceHandler, pb.RegisterStorageServiceHandler, pb.RegisterInstrumentationServiceHandler,
		pb.RegisterSignalServiceHandler,
	} {
		if err := register(context.Background(), mux, conn); err != nil {
			_ = conn.Close()
			return nil, nil, fmt.Errorf("register gateway: %w", err)
		}
	}
	return mux, conn, nil
}

// toMetadata lets pass what authentication and the request's id need, and nothing else.
func toMetadata(header string) (string, bool) {
	switch http.CanonicalHeaderKey(header) {
	case "Authorization":
		return "", false // the gateway hands it on by itself
	case "X-Api-Key", "Cookie", "X-Request-Id":
		return header, true
	}
	return "", false
}

// writeStatus writes an error as google.rpc.Status in JSON.
func writeStatus(_ context.Context, _ *runtime.ServeMux, m runtime.Marshaler, w http.ResponseWriter, _ *http.Request, err error) {
	st := status.Convert(err)
	for _, d := range st.Details() {
		if retry, ok := d.(*errdetails.RetryInfo); ok {
			w.Header().Set("Retry-After", strconv.Itoa(int(retry.GetRetryDelay().AsDuration()/time.Second)))
		}
	}
	code := runtime.HTTPStatusFromCode(st.Code())
	if code == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="tiltmeter"`)
	}
	body, err := m.Marshal(st.Proto())
	if err != nil {
		http.Error(w, `{"code":13,"message":"the error cannot be written"}`, http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	_, _ = w.Write(body) //nolint:gosec // JSON, marked as such; the client is gone when this fails
}

// refuse writes an error of a handler that is not behind the gateway, in the same form.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, err error) {
	writeStatus(r.Context(), nil, &jsonFormat, w, r, toStatus(r.Context(), s.log, err))
}

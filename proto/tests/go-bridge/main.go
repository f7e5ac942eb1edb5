// Command go-bridge serves the gateway on its standard input and output as buildkitd does for a frontend: x/net's
// http2.Server.ServeConn with grpc-go and BuildKit's error interceptors (serve and serveLLBBridgeForwarder in BuildKit's
// frontend/gateway/gateway.go). Answers are made up. What BuildKit makes of the error in a Return call is printed to
// standard error, as one line of JSON.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/containerd/containerd/v2/defaults"
	pb "github.com/moby/buildkit/frontend/gateway/pb"
	"github.com/moby/buildkit/solver/errdefs"
	opspb "github.com/moby/buildkit/solver/pb"
	"github.com/moby/buildkit/util/grpcerrors"
	"github.com/moby/buildkit/util/stack"
	"github.com/opencontainers/go-digest"
	"golang.org/x/net/http2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
)

func main() {
	// The client may be gone when the server says goodbye.
	signal.Ignore(syscall.SIGPIPE)
	server := grpc.NewServer(
		grpc.UnaryInterceptor(grpcerrors.UnaryServerInterceptor),
		grpc.StreamInterceptor(grpcerrors.StreamServerInterceptor),
		grpc.MaxRecvMsgSize(defaults.DefaultMaxRecvMsgSize),
		grpc.MaxSendMsgSize(defaults.DefaultMaxSendMsgSize),
	)
	pb.RegisterLLBBridgeServer(server, &bridge{meeting: make(chan struct{})})
	(&http2.Server{}).ServeConn(stdio{}, &http2.ServeConnOpts{Handler: server})
}

type bridge struct {
	pb.UnimplementedLLBBridgeServer
	meeting chan struct{}
}

func (*bridge) Ping(context.Context, *pb.PingRequest) (*pb.PongResponse, error) {
	return &pb.PongResponse{FrontendAPICaps: pb.Caps.All(), LLBCaps: opspb.Caps.All()}, nil
}

// Solve fails, with a source file that has as many lines as the first op has bytes.
func (*bridge) Solve(_ context.Context, req *pb.SolveRequest) (*pb.SolveResponse, error) {
	def := req.Definition
	err := error(errdefs.WrapVertex(stack.Enable(errors.New("exit code: 1")), digest.FromBytes(def.Def[0])))
	info := &opspb.SourceInfo{
		Filename:   "uv.lock",
		Data:       bytes.Repeat([]byte("line\n"), len(def.Def[0])),
		Language:   "TOML",
		Definition: def,
	}
	position := &opspb.Position{Line: 3}
	err = errdefs.WithSource(err, &errdefs.Source{Info: info, Ranges: []*opspb.Range{{Start: position, End: position}}})
	return nil, err
}

// ReadFile answers when two calls wait.
func (b *bridge) ReadFile(_ context.Context, req *pb.ReadFileRequest) (*pb.ReadFileResponse, error) {
	select {
	case b.meeting <- struct{}{}:
	case <-b.meeting:
	}
	return &pb.ReadFileResponse{Data: make([]byte, req.Range.Length)}, nil
}

type report struct {
	Message    string
	Code       string
	Vertex     string
	Subrequest string
	Cap        string
	Sources    []string
	Infos      []*opspb.SourceInfo
}

func (*bridge) Return(_ context.Context, in *pb.ReturnRequest) (*pb.ReturnResponse, error) {
	err := grpcerrors.FromGRPC(status.ErrorProto(in.Error))
	r := report{Message: err.Error(), Code: grpcerrors.Code(err).String()}
	if e := (*errdefs.VertexError)(nil); errors.As(err, &e) {
		r.Vertex = e.Digest
	}
	if e := (*errdefs.UnsupportedSubrequestError)(nil); errors.As(err, &e) {
		r.Subrequest = e.Name
	}
	if e := (*errdefs.UnsupportedFrontendCapError)(nil); errors.As(err, &e) {
		r.Cap = e.Name
	}
	for _, source := range errdefs.Sources(err) {
		var text strings.Builder
		if err := source.Print(&text); err != nil {
			return nil, err
		}
		r.Sources = append(r.Sources, text.String())
		r.Infos = append(r.Infos, source.Info)
	}
	return &pb.ReturnResponse{}, json.NewEncoder(os.Stderr).Encode(r)
}

// stdio is standard input and output as a connection.
type stdio struct{}

func (stdio) Read(b []byte) (int, error)       { return os.Stdin.Read(b) }
func (stdio) Write(b []byte) (int, error)      { return os.Stdout.Write(b) }
func (stdio) Close() error                     { return errors.Join(os.Stdin.Close(), os.Stdout.Close()) }
func (stdio) LocalAddr() net.Addr              { return &net.UnixAddr{} }
func (stdio) RemoteAddr() net.Addr             { return &net.UnixAddr{} }
func (stdio) SetDeadline(time.Time) error      { return nil }
func (stdio) SetReadDeadline(time.Time) error  { return nil }
func (stdio) SetWriteDeadline(time.Time) error { return nil }

// Go-peer builds a fixed set of graphs with BuildKit's own client/llb and prints, for each, what
// tests/go_peer.rs compares with the same graphs built in Rust. With the argument "read" it reads graphs as JSON
// instead, and prints what it read.
package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/solver/pb"
	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

type op struct {
	Bytes    string   `json:"bytes"`
	Caps     []string `json:"caps"`
	Metadata string   `json:"metadata"`
}

type graph struct {
	Name   string        `json:"name"`
	Head   string        `json:"head"`
	Index  int64         `json:"index"`
	Ops    map[string]op `json:"ops"`
	Source string        `json:"source"`
}

var (
	amd64 = llb.Platform(ocispecs.Platform{OS: "linux", Architecture: "amd64"})
	armv7 = llb.Platform(ocispecs.Platform{OS: "linux", Architecture: "arm", Variant: "v7"})
	epoch = llb.WithCreatedTime(time.Unix(0, 0))
	later = llb.WithCreatedTime(time.Unix(1700000000, 5))
)

const (
	sha    = "sha256:946d195a0d259cbba61165e88e65941f16e9b36ea6ddb97f00452bae8b1287d3"
	commit = "0123456789abcdef0123456789abcdef01234567"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "read" {
		if err := read(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	base := llb.Image("python:3.13-slim", amd64)
	uv := llb.Image("ghcr.io/astral-sh/uv@"+sha, armv7, llb.ResolveModeForcePull, llb.MarkImageInternal)
	local := llb.Local("context",
		llb.SessionID("session"),
		llb.IncludePatterns([]string{"packages/**", "a&b<c>"}),
		llb.ExcludePatterns([]string{"**/*.pyc"}),
		llb.FollowPaths([]string{"uv.lock"}),
		llb.SharedKeyHint("hint"),
		llb.Differ(llb.DiffNone, false),
	)
	wheel := llb.HTTP("https://files.example/idna-3.10-py3-none-any.whl",
		llb.Checksum(digest.Digest(sha)),
		llb.Filename("idna-3.10-py3-none-any.whl"),
		llb.Chmod(0644),
		llb.Chown(1000, 1001),
		llb.AuthHeaderSecret("index"),
		llb.Header(llb.HTTPHeader{Accept: "application/octet-stream", UserAgent: "uv"}),
	)
	git := llb.Git("https://user@github.com/pallets/flask.git", "", llb.GitRef("3.1.0"), llb.GitSubDir("src/flask"),
		llb.KeepGitDir(), llb.AuthTokenSecret("token"), llb.GitChecksum(commit), llb.GitSkipSubmodules(), llb.GitMTimeCommit())
	gitSSH := llb.Git("git@github.com:org/repo.git", "main", llb.KnownSSHHosts("github.com ssh-ed25519 AAAA"), llb.MountSSHSock("agent"))

	full := full(base, uv, wheel, local)
	plain := llb.Scratch().Run(llb.Args([]string{"/bin/true"}), amd64)
	readonly := base.Run(llb.Args([]string{"uv", "pip", "install"}), llb.ReadonlyRootFS(), llb.Network(pb.NetMode_NONE), amd64)
	out := readonly.AddMount("/out", llb.Scratch())
	readonly.AddMount("/w", wheel, llb.Readonly, llb.SourcePath("idna-3.10-py3-none-any.whl"))

	files := files(base, local, wheel, git)
	merged := llb.Merge([]llb.State{llb.Scratch(), base, out, files})
	changed := llb.Diff(base, full.Root())

	sourceMap := llb.NewSourceMap(&local, "uv.lock", "TOML", []byte("version = 1\n"))
	otherMap := llb.NewSourceMap(nil, "pyproject.toml", "TOML", []byte("[project]\n"))
	ranges := func(start, end int32) []*pb.Range {
		return []*pb.Range{{Start: &pb.Position{Line: start}, End: &pb.Position{Line: end}}}
	}
	described := base.Run(llb.Args([]string{"true"}), amd64,
		llb.WithCustomName("run `true`"),
		llb.WithDescription(map[string]string{"other": "x"}),
		llb.ProgressGroup("id", "group", true),
		llb.IgnoreCache,
		llb.WithoutExportCache(),
		sourceMap.Location(ranges(3, 5)),
		otherMap.Location(ranges(1, 1)),
	)

	var graphs []graph
	add := func(name string, st llb.State) {
		g, err := marshal(name, st)
		if err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
			os.Exit(1)
		}
		graphs = append(graphs, g)
	}
	add("image", base)
	add("image options", uv)
	add("image layer limit", llb.Image("docker.io/library/python:3", amd64, llb.WithLayerLimit(3), llb.ResolveModePreferLocal))
	add("local", local)
	add("local plain", llb.Local("dockerfile", llb.SessionID("s")))
	add("local metadata", llb.Local("context", llb.SessionID("s"), llb.MetadataOnlyTransfer([]string{"**/pyproject.toml"})))
	add("http", wheel)
	add("http plain", llb.HTTP("https://files.example/x"))
	add("git", git)
	add("git plain", llb.Git("github.com/a/b", ""))
	add("git ssh", gitSSH)
	add("git ssh url", llb.Git("ssh://git@example.com:2222/org/../x%20y.git", "v1:./sub/", llb.KnownSSHHosts("h k"), llb.GitChecksum(commit), llb.GitFetchByCommit()))
	add("oci layout", llb.OCILayout("store@"+sha, amd64, llb.OCIStore("s", "store"), llb.OCILayerLimit(2)))
	add("exec", full.Root())
	add("exec output", full.GetMount("/out"))
	add("exec plain", plain.Root())
	add("exec readonly root", out)
	add("file", files)
	add("file on scratch", llb.Scratch().File(llb.Copy(local, "a", "b")))
	add("file from scratch", base.File(llb.Copy(llb.Scratch(), "/", "/")))
	add("merge", merged)
	add("diff", changed)
	add("diff to scratch", llb.Diff(base, llb.Scratch()))
	add("metadata", described.Root())

	if err := json.NewEncoder(os.Stdout).Encode(graphs); err != nil {
		panic(err)
	}
}

// read turns graphs in the form of the call "convertllb" into what main prints of graphs, by their place in a list.
func read() error {
	var results []struct {
		Def      map[string]json.RawMessage `json:"def"`
		Metadata map[string]llb.OpMetadata  `json:"metadata"`
		Source   json.RawMessage            `json:"source"`
	}
	if err := json.NewDecoder(os.Stdin).Decode(&results); err != nil {
		return err
	}
	deterministic := proto.MarshalOptions{Deterministic: true}
	graphs := []graph{}
	for _, result := range results {
		g := graph{Ops: map[string]op{}}
		for dgst, text := range result.Def {
			var message pb.Op
			if err := protojson.Unmarshal(text, &message); err != nil {
				return fmt.Errorf("%s: %w", text, err)
			}
			dt, err := deterministic.Marshal(&message)
			if err != nil {
				return err
			}
			metadata, ok := result.Metadata[dgst]
			if !ok {
				return fmt.Errorf("%s has no metadata", dgst)
			}
			md, err := deterministic.Marshal(metadata.ToPB())
			if err != nil {
				return err
			}
			g.Ops[dgst] = op{Bytes: hex.EncodeToString(dt), Caps: []string{}, Metadata: hex.EncodeToString(md)}
		}
		var source pb.Source
		if err := protojson.Unmarshal(result.Source, &source); err != nil {
			return err
		}
		sm, err := deterministic.Marshal(&source)
		if err != nil {
			return err
		}
		g.Source = hex.EncodeToString(sm)
		graphs = append(graphs, g)
	}
	return json.NewEncoder(os.Stdout).Encode(graphs)
}

func full(base, uv, wheel, local llb.State) llb.ExecState {
	secretPath := "/run/secrets/index"
	st := base.AddEnv("PATH", "/usr/bin").AddEnv("A", "1").AddEnv("B", "x=y z").AddEnv("A", "2").
		Dir("/app").User("app:app").Hostname("builder").Network(pb.NetMode_HOST).Security(pb.SecurityMode_INSECURE).
		AddExtraHost("mirror", net.ParseIP("10.0.0.1")).
		AddUlimit(llb.UlimitNofile, 1024, 2048).
		WithCgroupParent("parent")
	return st.Run(
		llb.Args([]string{"sh", "-c", "echo \"$A\""}),
		llb.ValidExitCodes(0, 5),
		llb.WithProxy(llb.ProxyEnv{HTTPProxy: "http://p", HTTPSProxy: "https://p", FTPProxy: "ftp://p", NoProxy: "localhost", AllProxy: "all"}),
		llb.AddMount("/w2", wheel, llb.Readonly),
		llb.AddMount("/out", llb.Scratch()),
		llb.AddMount("/uv", uv, llb.Readonly, llb.SourcePath("/uv")),
		llb.AddMount("/w", wheel, llb.Readonly, llb.SourcePath("/idna-3.10-py3-none-any.whl"), llb.ContentCache(llb.MountContentCacheOn)),
		llb.AddMount("/src", local, llb.ForceNoOutput),
		llb.AddMount("/a-out", base),
		llb.AddMount("/cache/shared", llb.Scratch(), llb.AsPersistentCacheDir("uv", llb.CacheMountShared)),
		llb.AddMount("/cache/locked", local, llb.SourcePath("seed"), llb.AsPersistentCacheDir("apt", llb.CacheMountLocked)),
		llb.AddMount("/cache/private", llb.Scratch(), llb.AsPersistentCacheDir("p", llb.CacheMountPrivate)),
		llb.AddMount("/tmp", llb.Scratch(), llb.Tmpfs()),
		llb.AddMount("/shm", llb.Scratch(), llb.Tmpfs(llb.TmpfsSize(5<<30))),
		llb.AddSecret(secretPath, llb.SecretID("index"), llb.SecretFileOpt(1000, 1001, 0440), llb.SecretOptional),
		llb.AddSecret("/a/secret", llb.SecretID("other")),
		llb.AddSecretWithDest("token", nil, llb.SecretAsEnvName("TOKEN")),
		llb.AddSecretWithDest("maybe", nil, llb.SecretAsEnvName("MAYBE"), llb.SecretOptional),
		llb.AddSSHSocket(),
		llb.AddSSHSocket(llb.SSHID("deploy"), llb.SSHSocketOpt("/run/agent", 1, 2, 0660), llb.SSHOptional),
		llb.AddCDIDevice(llb.CDIDeviceName("vendor.com/gpu=0"), llb.CDIDeviceOptional),
		amd64,
	)
}

func files(base, local, wheel, git llb.State) llb.State {
	mode := &llb.ChmodOpt{Mode: 0755}
	return base.File(
		llb.Mkdir("/app", 0755, llb.WithParents(true), llb.WithUIDGID(999, 998), epoch).
			Mkdir("relative/./x/", 0700).
			Mkfile("/app/empty", 0600, nil).
			Mkfile("/app/config", 0644, []byte("a\nb\x00\xff"), llb.WithUser("app"), later).
			Symlink("../x", "/app/link", llb.WithUIDGID(0, 0), epoch).
			Symlink("x", "/app/plain").
			Copy(local, "packages/a/", "/app/a/", &llb.CopyInfo{
				Mode: mode, FollowSymlinks: true, CopyDirContentsOnly: true,
				IncludePatterns: []string{"**/*.py"}, ExcludePatterns: []string{"tests"}, RequiredPaths: []string{"a.py"},
				AttemptUnpack: true, CreateDestPath: true, AllowWildcard: true, AllowEmptyWildcard: true,
				ChownOpt:                       &llb.ChownOpt{User: &llb.UserOpt{UID: 5}},
				AlwaysReplaceExistingDestPaths: true,
			}).
			Copy(wheel, "/x.whl", "wheels/.", &llb.CopyInfo{Mode: &llb.ChmodOpt{ModeStr: "u=rwX,go=rX"}}).
			Copy(local, "/b", "/b", epoch).
			Copy(base, "/etc/passwd", "/passwd", &llb.CopyInfo{ChownOpt: &llb.ChownOpt{User: &llb.UserOpt{Name: "u"}, Group: &llb.UserOpt{Name: "g"}}}).
			Copy(git, "/", "/flask").
			Rm("/tmp/*", llb.WithAllowNotFound(true), llb.WithAllowWildcard(true)).
			Rm("x"),
	)
}

func marshal(name string, st llb.State) (graph, error) {
	ctx := context.Background()
	def, err := st.Marshal(ctx, amd64, llb.WithCaps(pb.Caps.CapSet(pb.Caps.All())))
	if err != nil {
		return graph{}, err
	}
	g := graph{Name: name, Ops: map[string]op{}}
	deterministic := proto.MarshalOptions{Deterministic: true}
	for _, dt := range def.Def {
		dgst := digest.FromBytes(dt)
		metadata := def.Metadata[dgst].ToPB()
		caps := []string{}
		for c := range metadata.Caps {
			caps = append(caps, c)
		}
		metadata.Caps = nil
		md, err := deterministic.Marshal(metadata)
		if err != nil {
			return graph{}, err
		}
		g.Ops[dgst.String()] = op{Bytes: hex.EncodeToString(dt), Caps: caps, Metadata: hex.EncodeToString(md)}
	}
	var terminal pb.Op
	if err := proto.Unmarshal(def.Def[len(def.Def)-1], &terminal); err != nil {
		return graph{}, err
	}
	g.Head = terminal.Inputs[0].Digest
	g.Index = terminal.Inputs[0].Index
	source := proto.Clone(def.Source).(*pb.Source)
	for _, info := range source.Infos {
		if info.Definition != nil {
			// What it holds is covered by the graphs; its capabilities differ on purpose.
			info.Definition = &pb.Definition{Def: info.Definition.Def}
		}
	}
	sm, err := deterministic.Marshal(source)
	if err != nil {
		return graph{}, err
	}
	g.Source = hex.EncodeToString(sm)
	return g, nil
}

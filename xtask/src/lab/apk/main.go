// A stand-in for apk of Alpine, for a lab that cannot have the real one: another implementation of its database, index, signatures and
// installation, with apk's words for the two things that builds ask of it.
//
//	apk update
//	apk add PACKAGE...
//
// Everything else is refused, as are packages with scripts, which it would not run. Where it keeps what it fetched is where apk does:
// in /etc/apk/cache if there is such a directory, or else the index alone, in /var/cache/apk.
package main

import (
	"context"
	"crypto/sha1"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/chainguard-dev/go-apk/pkg/apk"
	apkfs "github.com/chainguard-dev/go-apk/pkg/fs"
)

const (
	linkedCache = "/etc/apk/cache"
	staticCache = "/var/cache/apk"
)

func main() {
	if err := run(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "ERROR: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, arguments []string) error {
	if len(arguments) == 0 {
		return errors.New("this stand-in has `apk update` and `apk add PACKAGE...`")
	}
	for _, argument := range arguments {
		if strings.HasPrefix(argument, "-") {
			return fmt.Errorf("this stand-in has no option %s", argument)
		}
	}
	system, err := apk.New(apk.WithFS(root{}))
	if err != nil {
		return err
	}
	command, packages := arguments[0], arguments[1:]
	switch {
	case command == "update" && len(packages) == 0:
		system.SetClient(&http.Client{Transport: &keeper{refresh: true}})
		indexes, err := system.GetRepositoryIndexes(ctx, false)
		if err != nil {
			return err
		}
		count := 0
		for _, index := range indexes {
			count += index.Count()
		}
		fmt.Printf("OK: %d distinct packages available\n", count)
		return nil
	case command == "add" && len(packages) > 0:
		system.SetClient(&http.Client{Transport: &keeper{}})
		return add(ctx, system, packages)
	default:
		return fmt.Errorf("this stand-in has no `apk %s`", strings.Join(arguments, " "))
	}
}

// Installs packages and what they need, and remembers which were asked for.
func add(ctx context.Context, system *apk.APK, packages []string) error {
	world, err := system.GetWorld()
	if err != nil {
		return err
	}
	before, err := system.GetInstalled()
	if err != nil {
		return err
	}
	wanted := append(slices.Clone(world), packages...)
	slices.Sort(wanted)
	if err := system.SetWorld(ctx, slices.Compact(wanted)); err != nil {
		return err
	}
	chosen, _, err := system.ResolveWorld(ctx)
	if err != nil {
		_ = system.SetWorld(ctx, world)
		return fmt.Errorf("unable to select packages:\n  %w", err)
	}
	for i, one := range chosen {
		fmt.Printf("(%d/%d) Installing %s (%s)\n", i+1, len(chosen), one.Name, one.Version)
	}
	epoch := time.Now()
	if text := os.Getenv("SOURCE_DATE_EPOCH"); text != "" {
		seconds, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return err
		}
		epoch = time.Unix(seconds, 0)
	}
	if err := system.FixateWorld(ctx, &epoch); err != nil {
		return err
	}
	after, err := system.GetInstalled()
	if err != nil {
		return err
	}
	if scripts, err := os.Stat("/lib/apk/db/scripts.tar"); err == nil && scripts.Size() > 2*512 {
		return errors.New("this stand-in runs no scripts, and one of the packages has some")
	}
	fmt.Printf("OK: %d packages, %d of them new\n", len(after), len(after)-len(before))
	return nil
}

// Fetches over HTTP, and keeps what it fetched.
type keeper struct {
	// The index is fetched though it is there.
	refresh bool
}

func (k *keeper) RoundTrip(request *http.Request) (*http.Response, error) {
	isIndex := strings.HasSuffix(request.URL.Path, "/APKINDEX.tar.gz")
	place := ""
	if linked, err := os.Stat(linkedCache); err == nil && linked.IsDir() {
		place = linkedCache
	} else if isIndex {
		place = staticCache
	}
	if request.Method != http.MethodGet || place == "" {
		return http.DefaultTransport.RoundTrip(request)
	}
	name := path.Base(request.URL.Path)
	extension := ".apk"
	if isIndex {
		extension = ".tar.gz"
	}
	hash := sha1.Sum([]byte(request.URL.String()))
	kept := filepath.Join(place, fmt.Sprintf("%s.%x%s", strings.TrimSuffix(name, extension), hash[:4], extension))
	if file, err := os.Open(kept); err == nil && !(isIndex && k.refresh) {
		return &http.Response{StatusCode: http.StatusOK, Body: file, Request: request}, nil
	}
	fmt.Printf("fetch %s\n", request.URL.Redacted())
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil || response.StatusCode != http.StatusOK {
		return response, err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(kept, content, 0o644); err != nil {
		return nil, err
	}
	file, err := os.Open(kept)
	if err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: http.StatusOK, Body: file, ContentLength: int64(len(content)), Request: request}, nil
}

// The file system as it is. The library's own would read all of it first, /proc included.
type root struct{}

func at(name string) string { return filepath.Join("/", name) }

func (root) Mkdir(name string, mode fs.FileMode) error    { return os.Mkdir(at(name), mode) }
func (root) MkdirAll(name string, mode fs.FileMode) error { return os.MkdirAll(at(name), mode) }
func (root) Open(name string) (fs.File, error)            { return os.Open(at(name)) }
func (root) OpenReaderAt(name string) (apkfs.File, error) { return os.Open(at(name)) }
func (root) OpenFile(name string, flag int, mode fs.FileMode) (apkfs.File, error) {
	return os.OpenFile(at(name), flag, mode)
}
func (root) ReadFile(name string) ([]byte, error) { return os.ReadFile(at(name)) }
func (root) WriteFile(name string, content []byte, mode fs.FileMode) error {
	return os.WriteFile(at(name), content, mode)
}
func (root) ReadDir(name string) ([]fs.DirEntry, error) { return os.ReadDir(at(name)) }
func (root) Mknod(name string, mode uint32, device int) error {
	return syscall.Mknod(at(name), mode, device)
}
func (root) Readnod(string) (int, error)            { return 0, errors.ErrUnsupported }
func (root) Symlink(to, name string) error          { return os.Symlink(to, at(name)) }
func (root) Link(to, name string) error             { return os.Link(at(to), at(name)) }
func (root) Readlink(name string) (string, error)   { return os.Readlink(at(name)) }
func (root) Stat(name string) (fs.FileInfo, error)  { return os.Stat(at(name)) }
func (root) Lstat(name string) (fs.FileInfo, error) { return os.Lstat(at(name)) }
func (root) Create(name string) (apkfs.File, error) { return os.Create(at(name)) }
func (root) Remove(name string) error               { return os.Remove(at(name)) }
func (root) Chmod(name string, mode fs.FileMode) error {
	return os.Chmod(at(name), mode)
}
func (root) Chown(name string, uid, gid int) error { return os.Chown(at(name), uid, gid) }
func (root) SetXattr(string, string, []byte) error { return errors.ErrUnsupported }
func (root) GetXattr(string, string) ([]byte, error) {
	return nil, errors.ErrUnsupported
}
func (root) RemoveXattr(string, string) error { return errors.ErrUnsupported }
func (root) ListXattrs(string) (map[string][]byte, error) {
	return nil, errors.ErrUnsupported
}

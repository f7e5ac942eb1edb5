// Command go-canonical prints the digest that BuildKit gives to each op it reads.
//
// Each line of standard input is a marshalled op in base64. Each line of standard output is the digest of the op after
// what recomputeDigests in BuildKit's solver/llbsolver/vertex.go does with it (Op.Unmarshal, Op.Marshal,
// digest.FromBytes), a space, and the bytes in base64.
package main

import (
	"bufio"
	_ "crypto/sha256" // go-digest computes with whatever is linked in.
	"encoding/base64"
	"fmt"
	"os"

	"github.com/moby/buildkit/solver/pb"
	"github.com/opencontainers/go-digest"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	out := bufio.NewWriter(os.Stdout)
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		dt, err := base64.StdEncoding.DecodeString(lines.Text())
		if err != nil {
			return err
		}
		var op pb.Op
		if err := op.Unmarshal(dt); err != nil {
			return err
		}
		dt, err = op.Marshal()
		if err != nil {
			return err
		}
		fmt.Fprintln(out, digest.FromBytes(dt), base64.StdEncoding.EncodeToString(dt))
	}
	if err := lines.Err(); err != nil {
		return err
	}
	return out.Flush()
}

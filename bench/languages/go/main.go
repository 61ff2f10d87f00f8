// calls times calls from Go for bench/languages.py: see ../c/calls.c.
package main

/*
#include <stdint.h>
#include <time.h>

static int64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}
*/
import "C"

import (
	"bytes"
	"fmt"
	"os"
	"strconv"

	"verifyblock/accel"
	"verifyblock/block"
)

type work struct {
	*block.Block
	ring    *accel.KeyRing
	indices []uint32
	digests []byte
}

func newWork(directory string, ringBytes uint64) (*work, error) {
	if err := accel.RequireABI(); err != nil {
		return nil, err
	}
	b, err := block.Read(directory)
	if err != nil {
		return nil, err
	}
	w := &work{Block: b, indices: make([]uint32, b.Rows)}
	index := make(map[string]uint32)
	for i := 0; i < len(b.Signers)/accel.PublicKeySize; i++ {
		index[string(b.Signers[i*accel.PublicKeySize:][:accel.PublicKeySize])] = uint32(i)
	}
	for row := range w.indices {
		w.indices[row] = index[string(b.PublicKey(row))]
	}
	if w.ring, err = accel.NewKeyRing(b.Signers, b.ID, ringBytes); err != nil {
		return nil, err
	}
	w.digests, err = accel.HashMany(b.Messages)
	return w, err
}

// call returns the nanoseconds of one call.
func (w *work) call(task string) (int64, error) {
	var statuses []accel.Status
	var digests []byte
	var err error
	started := C.now()
	switch task {
	case "keys":
		statuses, err = accel.VerifyMany(w.PublicKeys, w.Signatures, w.Messages, w.ID)
	case "ring":
		statuses, err = w.ring.VerifyMany(w.indices, w.Signatures, w.Messages)
	case "hash":
		digests, err = accel.HashMany(w.Messages)
	default:
		err = fmt.Errorf("no such task: %s", task)
	}
	ended := C.now()
	if err != nil {
		return 0, err
	}
	for i, status := range statuses {
		if status != w.Statuses[i] {
			return 0, fmt.Errorf("a wrong verdict: row %d", i)
		}
	}
	if task == "hash" && !bytes.Equal(digests, w.digests) {
		return 0, fmt.Errorf("another digest")
	}
	return int64(ended - started), nil
}

func run() error {
	if len(os.Args) != 3 {
		return fmt.Errorf("usage: calls DIR BYTES")
	}
	ringBytes, err := strconv.ParseUint(os.Args[2], 10, 64)
	if err != nil {
		return err
	}
	w, err := newWork(os.Args[1], ringBytes)
	if err != nil {
		return err
	}
	defer w.ring.Close()
	var task string
	var turns int
	for {
		if _, err := fmt.Scan(&task, &turns); err != nil {
			return nil
		}
		line := ""
		for ; turns > 0; turns-- {
			took, err := w.call(task)
			if err != nil {
				return err
			}
			line += fmt.Sprint(took, " ")
		}
		fmt.Println(line)
	}
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "calls:", err)
		os.Exit(2)
	}
}

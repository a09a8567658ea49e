package rawgrpc

import (
	"errors"
	"io"
	"sync"

	"github.com/klauspost/compress/zstd"
	"google.golang.org/grpc/encoding"
)

// registerZstd adds zstd to gRPC's compressors, which are the process's; gzip is there by the import. gRPC wants that done
// before the first server or client starts.
var registerZstd = sync.OnceFunc(func() { encoding.RegisterCompressor(new(zstdCompressor)) })

// zstdCompressor is gRPC's "zstd". Readers and writers are used again.
type zstdCompressor struct{ readers, writers sync.Pool }

// maxWindow bounds what one message's history takes. Usual levels have windows of up to 8 MiB.
const maxWindow = 8 << 20

func (*zstdCompressor) Name() string { return "zstd" }

func (c *zstdCompressor) Compress(w io.Writer) (io.WriteCloser, error) {
	z, ok := c.writers.Get().(*zstd.Encoder)
	if !ok {
		var err error
		z, err = zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(1<<20))
		if err != nil {
			return nil, err
		}
	}
	z.Reset(w)
	return &zstdWriter{z, &c.writers}, nil
}

func (c *zstdCompressor) Decompress(r io.Reader) (io.Reader, error) {
	z, ok := c.readers.Get().(*zstd.Decoder)
	if !ok {
		var err error
		z, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, err
		}
	}
	if err := z.Reset(r); err != nil {
		return nil, err
	}
	return &zstdReader{z, &c.readers}, nil
}

// zstdReader gives its decoder back once it is read to the end; of one that is not, the garbage collector takes care, since
// a decoder of concurrency 1 starts no goroutines.
type zstdReader struct {
	z    *zstd.Decoder
	pool *sync.Pool
}

func (r *zstdReader) Read(p []byte) (int, error) {
	if r.z == nil {
		return 0, io.EOF
	}
	n, err := r.z.Read(p)
	if errors.Is(err, io.EOF) {
		_ = r.z.Reset(nil) // lets go of the request
		r.pool.Put(r.z)
		r.z = nil
	}
	return n, err
}

type zstdWriter struct {
	z    *zstd.Encoder
	pool *sync.Pool
}

func (w *zstdWriter) Write(p []byte) (int, error) { return w.z.Write(p) }

func (w *zstdWriter) Close() error {
	err := w.z.Close()
	w.z.Reset(nil)
	w.pool.Put(w.z)
	return err
}

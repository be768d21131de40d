package org.benchfarm.runner.work;

import java.io.EOFException;
import java.io.File;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.util.List;
import org.benchfarm.runner.engine.Refused;
import org.benchfarm.runner.engine.Tensor;
import org.benchfarm.runner.wire.Message;

/** Pushed files as the inputs of a model, in direct buffers. */
final class Inputs {
    private final Store store;
    private final Tensor[] tensors;

    Inputs(Store store, Tensor[] tensors) {
        this.store = store;
        this.tensors = tensors;
    }

    /** Each file's bytes as one whole input. */
    ByteBuffer[] whole(List<String> digests) throws Refused, IOException {
        File[] files = files(digests);
        for (int i = 0; i < files.length; i++) {
            Tensor tensor = tensors[i];
            if (files[i].length() != tensor.bytes()) {
                throw new Refused(
                        "input-rejected",
                        String.format(
                                "input '%s' takes %d bytes (%s %s), the file has %d",
                                tensor.name,
                                tensor.bytes(),
                                tensor.dtype,
                                Tensor.sizes(tensor.shape),
                                files[i].length()));
            }
        }
        try (Samples samples = new Samples(files, 0)) {
            return samples.next();
        }
    }

    /** The samples of an {@code infer}, one after the other. */
    Samples samples(Message request) throws Refused, IOException {
        long first = request.number("first");
        long last = request.number("last");
        File[] files = files(request.texts("inputs"));
        for (int i = 0; i < files.length; i++) {
            long size = tensors[i].bytes();
            long held = files[i].length();
            boolean whole = size > 0 && held % size == 0;
            if (!whole || first < 0 || first >= last || last > held / size) {
                throw new Refused(
                        "input-rejected",
                        String.format(
                                "input '%s': samples %d to %d of %d bytes do not fit a file of %d",
                                tensors[i].name, first, last, size, held));
            }
        }
        return new Samples(files, first);
    }

    private File[] files(List<String> digests) throws Refused {
        if (digests.size() != tensors.length) {
            StringBuilder names = new StringBuilder();
            for (Tensor tensor : tensors) {
                names.append(names.length() == 0 ? "" : ", ").append(tensor.name);
            }
            throw new Refused(
                    "input-rejected",
                    String.format(
                            "the model has %d inputs (%s), not %d",
                            tensors.length, names, digests.size()));
        }
        File[] found = new File[digests.size()];
        for (int i = 0; i < found.length; i++) {
            found[i] = store.file(digests.get(i));
        }
        return found;
    }

    /** Consecutive samples of files that hold whole samples; the buffers are used again. */
    final class Samples implements AutoCloseable {
        private final RandomAccessFile[] files;
        private final ByteBuffer[] buffers;

        private Samples(File[] given, long first) throws Refused, IOException {
            // What is opened here before a refusal is closed by the end of the process.
            files = new RandomAccessFile[given.length];
            buffers = new ByteBuffer[given.length];
            for (int i = 0; i < given.length; i++) {
                int size = tensors[i].bufferBytes();
                files[i] = new RandomAccessFile(given[i], "r");
                files[i].seek(first * size);
                buffers[i] = ByteBuffer.allocateDirect(size).order(ByteOrder.nativeOrder());
            }
        }

        ByteBuffer[] next() throws Refused {
            try {
                for (int i = 0; i < files.length; i++) {
                    fill(buffers[i], files[i].getChannel());
                }
                return buffers;
            } catch (IOException failure) {
                throw Refused.because(failure, "no-file");
            }
        }

        private void fill(ByteBuffer buffer, FileChannel channel) throws IOException {
            buffer.clear();
            while (buffer.hasRemaining()) {
                if (channel.read(buffer) < 0) {
                    throw new EOFException("an input file became shorter");
                }
            }
            buffer.clear();
        }

        @Override
        public void close() throws IOException {
            for (RandomAccessFile file : files) {
                file.close();
            }
        }
    }
}

package org.benchfarm.runner.app;

import android.net.LocalServerSocket;
import android.net.LocalSocket;
import android.os.Process;
import android.system.ErrnoException;
import android.system.Os;
import android.system.OsConstants;
import android.system.StructPollfd;
import java.io.FileDescriptor;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import org.benchfarm.runner.link.Link;
import org.benchfarm.runner.link.Transport;

/**
 * An abstract local socket ({@code adb}: {@code localabstract:NAME}). Java has no channels for
 * these, so the system calls are made directly, each only when it cannot block.
 */
final class LocalTransport implements Transport {
    private static final int ROOT_UID = 0;

    private final LocalServerSocket listener;

    LocalTransport(String name) throws IOException {
        listener = new LocalServerSocket(name);
    }

    @Override
    public Link accept() throws IOException {
        if (!isReady(listener.getFileDescriptor(), OsConstants.POLLIN)) {
            return null;
        }
        LocalSocket socket = listener.accept();
        int peer = socket.getPeerCredentials().getUid();
        if (peer != Process.SHELL_UID && peer != ROOT_UID) {
            socket.close(); // another app of this phone; adb's daemon runs as shell or root
            return null;
        }
        return new LocalLink(socket);
    }

    @Override
    public boolean await(Collection<Link> links, Collection<Link> blocked, long timeoutMs)
            throws IOException {
        List<StructPollfd> wishes = new ArrayList<>();
        wishes.add(wish(listener.getFileDescriptor(), OsConstants.POLLIN));
        for (Link link : links) {
            int events = OsConstants.POLLIN;
            events |= blocked.contains(link) ? OsConstants.POLLOUT : 0;
            wishes.add(wish(((LocalLink) link).descriptor, events));
        }
        int timeout = (int) Math.min(timeoutMs, Integer.MAX_VALUE);
        return poll(wishes.toArray(new StructPollfd[0]), timeout) > 0;
    }

    private static StructPollfd wish(FileDescriptor descriptor, int events) {
        StructPollfd wish = new StructPollfd();
        wish.fd = descriptor;
        wish.events = (short) events;
        return wish;
    }

    private static boolean isReady(FileDescriptor descriptor, int events) throws IOException {
        return poll(new StructPollfd[] {wish(descriptor, events)}, 0) > 0;
    }

    private static int poll(StructPollfd[] wishes, int timeoutMs) throws IOException {
        try {
            return Os.poll(wishes, timeoutMs);
        } catch (ErrnoException failure) {
            if (failure.errno == OsConstants.EINTR) {
                return 0;
            }
            throw new IOException(failure);
        }
    }

    private static final class LocalLink implements Link {
        /** Linux' MSG_DONTWAIT, the same on all its architectures; OsConstants lacks it. */
        private static final int MSG_DONTWAIT = 0x40;

        private final LocalSocket socket;
        private final FileDescriptor descriptor;

        LocalLink(LocalSocket socket) {
            this.socket = socket;
            this.descriptor = socket.getFileDescriptor();
        }

        @Override
        public int read(ByteBuffer target) throws IOException {
            if (!isReady(descriptor, OsConstants.POLLIN)) {
                return 0;
            }
            try {
                int place = target.arrayOffset() + target.position();
                int length = Os.read(descriptor, target.array(), place, target.remaining());
                target.position(target.position() + length);
                return length == 0 ? -1 : length;
            } catch (ErrnoException failure) {
                throw new IOException(failure);
            }
        }

        @Override
        public int write(ByteBuffer source) throws IOException {
            int place = source.arrayOffset() + source.position();
            int length = source.remaining();
            try {
                int sent =
                        Os.sendto(
                                descriptor, source.array(), place, length, MSG_DONTWAIT, null, 0);
                source.position(source.position() + sent);
                return sent;
            } catch (ErrnoException failure) {
                if (failure.errno == OsConstants.EAGAIN) {
                    return 0;
                }
                throw new IOException(failure);
            }
        }

        @Override
        public void endOutput() throws IOException {
            socket.shutdownOutput();
        }

        @Override
        public void close() {
            try {
                socket.close();
            } catch (IOException gone) {
                return; // it is closed either way
            }
        }
    }
}

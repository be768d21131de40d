package org.benchfarm.runner.app;

import android.net.Credentials;
import android.net.LocalServerSocket;
import android.net.LocalSocket;
import android.system.ErrnoException;
import android.system.Os;
import android.system.OsConstants;
import android.system.StructPollfd;
import java.io.FileDescriptor;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SelectableChannel;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.robolectric.annotation.Implementation;
import org.robolectric.annotation.Implements;
import org.robolectric.shadow.api.Shadow;

/**
 * The system calls behind LocalTransport, which Robolectric does not have, over loopback TCP: what
 * is proven with them is our use of these calls, not that Android's do the same.
 */
final class FakeSockets {
    static final int SHELL_UID = 2000;

    /** The user that connecting processes belong to. */
    static volatile int peerUid = SHELL_UID;

    /** An errno that the next poll fails with; 0 for none. */
    static volatile int pollFailure;

    private static final Map<String, Integer> PORTS = new ConcurrentHashMap<>();
    private static final Map<FileDescriptor, SelectableChannel> OPEN = new ConcurrentHashMap<>();

    private FakeSockets() {}

    /** Connects as a host does through adb; null as long as nobody listens to this name. */
    static SocketChannel connect(String name) throws IOException {
        Integer port = PORTS.get(name);
        return port == null
                ? null
                : SocketChannel.open(
                        new InetSocketAddress(InetAddress.getLoopbackAddress(), port));
    }

    static void forget() {
        PORTS.clear();
        peerUid = SHELL_UID;
        pollFailure = 0;
    }

    private static FileDescriptor number(SelectableChannel channel) throws IOException {
        channel.configureBlocking(false);
        FileDescriptor descriptor = new FileDescriptor();
        OPEN.put(descriptor, channel);
        return descriptor;
    }

    /** Listens on a port that the system chooses instead of an abstract name. */
    @Implements(LocalServerSocket.class)
    public static class Listener {
        private ServerSocketChannel channel;
        private FileDescriptor descriptor;

        @Implementation
        protected void __constructor__(String name) throws IOException {
            channel = ServerSocketChannel.open();
            channel.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
            descriptor = number(channel);
            PORTS.put(name, channel.socket().getLocalPort());
        }

        @Implementation
        protected FileDescriptor getFileDescriptor() {
            return descriptor;
        }

        @Implementation
        protected LocalSocket accept() throws IOException {
            LocalSocket socket = Shadow.newInstanceOf(LocalSocket.class);
            Socket shadow = Shadow.extract(socket);
            shadow.channel = channel.accept();
            shadow.descriptor = number(shadow.channel);
            return socket;
        }
    }

    /** One connection. */
    @Implements(LocalSocket.class)
    public static class Socket {
        private SocketChannel channel;
        private FileDescriptor descriptor;

        @Implementation
        protected FileDescriptor getFileDescriptor() {
            return descriptor;
        }

        @Implementation
        protected Credentials getPeerCredentials() {
            return new Credentials(1, peerUid, peerUid);
        }

        @Implementation
        protected void shutdownOutput() throws IOException {
            channel.shutdownOutput();
        }

        @Implementation
        protected void close() throws IOException {
            channel.close();
        }
    }

    /** poll, read and sendto of the descriptors above. */
    @Implements(Os.class)
    public static class Calls {
        static final Map<String, String> ENVIRONMENT = new ConcurrentHashMap<>();

        @Implementation
        protected static long sysconf(int name) {
            return name == OsConstants._SC_CLK_TCK ? 100 : -1;
        }

        @Implementation
        protected static void setenv(String name, String value, boolean overwrite) {
            ENVIRONMENT.put(name, value);
        }

        @Implementation
        protected static int poll(StructPollfd[] wishes, int timeoutMs) throws ErrnoException {
            if (pollFailure != 0) {
                int failure = pollFailure;
                pollFailure = 0;
                throw new ErrnoException("poll", failure);
            }
            try (Selector selector = Selector.open()) {
                for (StructPollfd wish : wishes) {
                    OPEN.get(wish.fd).register(selector, operations(wish));
                }
                return timeoutMs == 0 ? selector.selectNow() : selector.select(timeoutMs);
            } catch (IOException failure) {
                throw new ErrnoException("poll", OsConstants.EBADF, failure);
            }
        }

        private static int operations(StructPollfd wish) {
            if (OPEN.get(wish.fd) instanceof ServerSocketChannel) {
                return SelectionKey.OP_ACCEPT;
            }
            int found = (wish.events & OsConstants.POLLIN) == 0 ? 0 : SelectionKey.OP_READ;
            boolean writes = (wish.events & OsConstants.POLLOUT) != 0;
            return found | (writes ? SelectionKey.OP_WRITE : 0);
        }

        @Implementation
        protected static int read(FileDescriptor descriptor, byte[] bytes, int from, int count)
                throws ErrnoException {
            try {
                SocketChannel channel = (SocketChannel) OPEN.get(descriptor);
                return Math.max(0, channel.read(ByteBuffer.wrap(bytes, from, count)));
            } catch (IOException failure) {
                throw new ErrnoException("read", OsConstants.ECONNRESET, failure);
            }
        }

        @Implementation
        protected static int sendto(
                FileDescriptor descriptor,
                byte[] bytes,
                int from,
                int count,
                int flags,
                InetAddress address,
                int port)
                throws ErrnoException {
            int sent;
            try {
                SocketChannel channel = (SocketChannel) OPEN.get(descriptor);
                sent = channel.write(ByteBuffer.wrap(bytes, from, count));
            } catch (IOException failure) {
                throw new ErrnoException("sendto", OsConstants.EPIPE, failure);
            }
            if (sent == 0 && count > 0) {
                throw new ErrnoException("sendto", OsConstants.EAGAIN);
            }
            return sent;
        }
    }
}

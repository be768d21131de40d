package org.benchfarm.runner.link;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.util.Collection;

/** Loopback TCP on a port that the system chooses. */
public final class TcpTransport implements Transport {
    /** Sends of many samples go through in one gap between blocks where the system allows it. */
    private static final int SEND_BUFFER_BYTES = 4 * 1024 * 1024;

    private static final byte[] LOOPBACK = {127, 0, 0, 1};

    private final Selector selector = Selector.open();
    private final ServerSocketChannel listener = ServerSocketChannel.open();

    public TcpTransport() throws IOException {
        listener.bind(new InetSocketAddress(InetAddress.getByAddress(LOOPBACK), 0));
        listener.configureBlocking(false);
        listener.register(selector, SelectionKey.OP_ACCEPT);
    }

    public int port() {
        return listener.socket().getLocalPort();
    }

    @Override
    public Link accept() throws IOException {
        SocketChannel channel = listener.accept();
        if (channel == null) {
            return null;
        }
        channel.configureBlocking(false);
        channel.setOption(StandardSocketOptions.TCP_NODELAY, true);
        channel.setOption(StandardSocketOptions.SO_SNDBUF, SEND_BUFFER_BYTES);
        channel.register(selector, SelectionKey.OP_READ);
        return new TcpLink(channel);
    }

    @Override
    public boolean await(Collection<Link> links, Collection<Link> blocked, long timeoutMs)
            throws IOException {
        for (Link link : links) {
            SelectionKey key = ((TcpLink) link).channel.keyFor(selector);
            boolean waits = blocked.contains(link);
            if (key != null && key.isValid()) {
                key.interestOps(SelectionKey.OP_READ | (waits ? SelectionKey.OP_WRITE : 0));
            }
        }
        int ready = timeoutMs > 0 ? selector.select(timeoutMs) : selector.selectNow();
        selector.selectedKeys().clear();
        return ready > 0;
    }

    private static final class TcpLink implements Link {
        private final SocketChannel channel;

        TcpLink(SocketChannel channel) {
            this.channel = channel;
        }

        @Override
        public int read(ByteBuffer target) throws IOException {
            return channel.read(target);
        }

        @Override
        public int write(ByteBuffer source) throws IOException {
            return channel.write(source);
        }

        @Override
        public void endOutput() throws IOException {
            channel.shutdownOutput();
        }

        @Override
        public void close() {
            try {
                channel.close();
            } catch (IOException gone) {
                return; // it is closed either way
            }
        }
    }
}

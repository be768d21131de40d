package org.benchfarm.runner.app;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertNotNull;
import static org.junit.Assert.assertNull;
import static org.junit.Assert.assertTrue;

import android.system.OsConstants;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.util.Collection;
import java.util.Collections;
import org.benchfarm.runner.link.Link;
import org.junit.After;
import org.junit.Assert;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.RobolectricTestRunner;

@RunWith(RobolectricTestRunner.class)
public final class LocalTransportTest {
    private static final Collection<Link> NOBODY = Collections.emptyList();

    @After
    public void forget() {
        FakeSockets.forget();
    }

    @Test
    public void constantsAreLinuxOwn() {
        assertEquals(1, OsConstants.POLLIN);
        assertEquals(4, OsConstants.POLLOUT);
        assertEquals(11, OsConstants.EAGAIN);
    }

    @Test
    public void nobodyIsAcceptedWhileNobodyConnects() throws IOException {
        LocalTransport transport = new LocalTransport("a");
        assertNull(transport.accept());
        assertFalse(transport.await(NOBODY, NOBODY, 0));
    }

    @Test
    public void bytesGoBothWays() throws IOException {
        LocalTransport transport = new LocalTransport("b");
        try (SocketChannel host = FakeSockets.connect("b")) {
            assertTrue(transport.await(NOBODY, NOBODY, 5000));
            Link link = transport.accept();
            ByteBuffer heard = ByteBuffer.allocate(16);
            heard.position(3);
            assertEquals(0, link.read(heard));
            host.write(ByteBuffer.wrap(new byte[] {1, 2, 3}));
            assertTrue(transport.await(Collections.singletonList(link), NOBODY, 5000));
            assertEquals(3, link.read(heard));
            assertEquals(6, heard.position());
            assertEquals(2, heard.get(4));
            ByteBuffer said = ByteBuffer.wrap(new byte[] {9, 8, 7}, 1, 2);
            assertEquals(2, link.write(said));
            assertFalse(said.hasRemaining());
            ByteBuffer got = ByteBuffer.allocate(2);
            while (got.hasRemaining()) {
                host.read(got);
            }
            assertEquals(8, got.get(0));
            link.endOutput();
            assertEquals(-1, host.read(ByteBuffer.allocate(1)));
        }
    }

    @Test
    public void aHostThatHungUpIsTheEnd() throws IOException {
        LocalTransport transport = new LocalTransport("c");
        SocketChannel host = FakeSockets.connect("c");
        assertTrue(transport.await(NOBODY, NOBODY, 5000));
        Link link = transport.accept();
        host.close();
        assertTrue(transport.await(Collections.singletonList(link), NOBODY, 5000));
        assertEquals(-1, link.read(ByteBuffer.allocate(8)));
        link.close();
    }

    @Test
    public void aLinkThatTakesNothingDoesNotHoldUpTheRunner() throws IOException {
        LocalTransport transport = new LocalTransport("d");
        try (SocketChannel host = FakeSockets.connect("d")) {
            assertTrue(transport.await(NOBODY, NOBODY, 5000));
            Link link = transport.accept();
            ByteBuffer much = ByteBuffer.allocate(1 << 20);
            int last = 1;
            for (int i = 0; i < 1000 && last > 0; i++) {
                much.clear();
                last = link.write(much);
            }
            assertEquals(0, last);
            Collection<Link> links = Collections.singletonList(link);
            assertFalse(transport.await(links, links, 0));
            ByteBuffer drain = ByteBuffer.allocate(1 << 20);
            host.configureBlocking(false);
            boolean writable = false;
            for (int i = 0; i < 1000 && !writable; i++) {
                drain.clear();
                host.read(drain);
                writable = transport.await(links, links, 1);
            }
            assertTrue(writable);
        }
    }

    @Test
    public void anotherAppOfThePhoneIsTurnedAway() throws IOException {
        LocalTransport transport = new LocalTransport("e");
        for (int uid : new int[] {10123, 1000}) {
            FakeSockets.peerUid = uid;
            try (SocketChannel host = FakeSockets.connect("e")) {
                assertTrue(transport.await(NOBODY, NOBODY, 5000));
                assertNull(transport.accept());
                assertEquals(-1, host.read(ByteBuffer.allocate(1)));
            }
        }
        for (int uid : new int[] {0, FakeSockets.SHELL_UID}) {
            FakeSockets.peerUid = uid;
            try (SocketChannel host = FakeSockets.connect("e")) {
                assertTrue(transport.await(NOBODY, NOBODY, 5000));
                assertNotNull(transport.accept());
                assertTrue(host.isConnected());
            }
        }
    }

    @Test
    public void anInterruptedPollFoundNothingAndOthersAreFailures() throws IOException {
        LocalTransport transport = new LocalTransport("f");
        FakeSockets.pollFailure = OsConstants.EINTR;
        assertFalse(transport.await(NOBODY, NOBODY, 1000));
        FakeSockets.pollFailure = OsConstants.EBADF;
        try {
            transport.await(NOBODY, NOBODY, 0);
            Assert.fail("a failed poll was taken for an empty one");
        } catch (IOException failure) {
            assertTrue(failure.getMessage().contains("poll"));
        }
    }
}

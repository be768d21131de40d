package org.benchfarm.runner.link;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import org.benchfarm.runner.wire.Limits;
import org.benchfarm.runner.wire.Message;

/** Who may talk to the runner: one host at a time, with the token, for one session. */
public final class Door {
    /** Connections without a hello; the oldest makes room for the next. */
    private static final int MAX_WAITING = 4;

    /** Time for a {@code hello}, and for a refused host to hang up. */
    private static final long PATIENCE_NS = 5_000_000_000L;

    /** What a host need not repeat after a re-attach. */
    private static final List<String> UNCOUNTED = Arrays.asList("hello", "ping", "ack");

    /** What the attached host has said and nobody has taken up yet. */
    public final Deque<Message> inbox = new ArrayDeque<>();

    private final byte[] token;
    private final Spool spool;
    private final Map<String, Object> facts;
    private final Transport transport;
    private final List<Connection> waiting = new ArrayList<>();
    private Connection host;
    private String session = "";
    private long nextSeq = 1;
    private long received;

    public Door(String token, Spool spool, Map<String, Object> facts, Transport transport) {
        this.token = token.getBytes(StandardCharsets.UTF_8);
        this.spool = spool;
        this.facts = facts;
        this.transport = transport;
    }

    /** Whether something waits for the link to take it. */
    public boolean isSending() {
        return host != null && (host.isSending() || nextSeq <= spool.lastSeq());
    }

    /** Sends a message that is not spooled; without a host it is forgotten. */
    public void answer(Message message) {
        if (host != null) {
            host.send(message);
        }
    }

    /**
     * Sends what the link takes and takes in what has come; waits at most {@code timeoutMs}.
     * Returns whether anything moved.
     */
    public boolean poll(long timeoutMs) throws IOException {
        pump();
        tidy();
        List<Link> links = new ArrayList<>();
        List<Link> blocked = new ArrayList<>();
        for (Connection connection : connections()) {
            links.add(connection.link);
            if (connection.isSending()) {
                blocked.add(connection.link);
            }
        }
        boolean moved = transport.await(links, blocked, timeoutMs);
        for (Connection connection : connections()) {
            connection.flush();
            if (!connection.isClosed()) {
                take(connection, connection.read());
            }
        }
        accept();
        tidy();
        pump();
        return moved;
    }

    private List<Connection> connections() {
        List<Connection> found = new ArrayList<>(waiting);
        if (host != null) {
            found.add(host);
        }
        return found;
    }

    /** Hands spooled messages to the link, one at a time, as long as it takes them. */
    private void pump() throws IOException {
        while (host != null && !host.isSending() && !host.isClosed() && !host.isRefused()) {
            byte[] data = spool.get(nextSeq);
            if (data == null) {
                return;
            }
            nextSeq++;
            host.send(data);
        }
    }

    private void accept() throws IOException {
        Link link = transport.accept();
        if (link == null) {
            return;
        }
        if (waiting.size() >= MAX_WAITING) {
            waiting.remove(0).close();
        }
        waiting.add(new Connection(link));
    }

    private void take(Connection connection, List<Message> messages) {
        int first = 0;
        if (connection != host) {
            if (messages.isEmpty() || connection.isRefused() || !greet(connection, messages.get(0))) {
                return;
            }
            first = 1;
        }
        for (Message message : messages.subList(first, messages.size())) {
            if (!UNCOUNTED.contains(message.type)) {
                received++;
            }
            inbox.add(message);
        }
    }

    /** Attaches a host, or says why not. */
    private boolean greet(Connection connection, Message hello) {
        String[] refusal = refusal(hello);
        if (refusal != null) {
            connection.refuse(refusal[0], refusal[1]);
            return false;
        }
        if (host != null) {
            host.close();
        }
        if (session.isEmpty()) {
            session = newSession();
        }
        waiting.remove(connection);
        host = connection;
        nextSeq = spool.firstFrom(hello.number("last_seq") + 1);
        Message ready = Message.of("ready").with("session", session).with("facts", facts);
        connection.send(ready.with("received", received));
        return true;
    }

    private String[] refusal(Message hello) {
        if (!hello.type.equals("hello")) {
            return new String[] {"bad-message", "the first message is hello"};
        }
        if (hello.number("version") != Limits.WIRE_VERSION) {
            return new String[] {"bad-version", String.valueOf(Limits.WIRE_VERSION)};
        }
        byte[] given = hello.text("token").getBytes(StandardCharsets.UTF_8);
        if (!MessageDigest.isEqual(given, token)) {
            return new String[] {"bad-token", "this is not the token the runner was given"};
        }
        String wanted = hello.text("session");
        if (!wanted.isEmpty() && !wanted.equals(session)) {
            return new String[] {"no-session", "this runner has no such session"};
        }
        if (wanted.isEmpty() && !session.isEmpty()) {
            return new String[] {"busy", "this runner serves another host already"};
        }
        long last = hello.number("last_seq");
        if (last < 0 || last > spool.lastSeq()) {
            return new String[] {"bad-message", "last_seq " + last + " was never sent"};
        }
        return null;
    }

    private static String newSession() {
        StringBuilder name = new StringBuilder();
        byte[] random = new byte[8];
        new SecureRandom().nextBytes(random);
        for (byte each : random) {
            name.append(String.format("%02x", each));
        }
        return name.toString();
    }

    private void tidy() {
        for (Iterator<Connection> each = waiting.iterator(); each.hasNext(); ) {
            Connection connection = each.next();
            if (connection.waitedNs() > PATIENCE_NS) {
                connection.close();
            }
            if (connection.isClosed()) {
                each.remove();
            }
        }
        if (host != null && host.isClosed()) {
            host = null;
        } else if (host != null && host.isRefused()) {
            waiting.add(host);
            host = null;
        }
    }
}

package org.benchfarm.runner.link;

import java.io.IOException;
import java.util.Collection;

/** Where hosts come in: loopback TCP, or a local socket behind {@code adb}. */
public interface Transport {
    /** The next host that has connected, null when there is none. */
    Link accept() throws IOException;

    /**
     * Waits until a host connects, one of {@code links} has something to read or one of {@code
     * blocked} takes bytes again, at most {@code timeoutMs} (0: only look). Returns whether
     * something of the kind came about.
     */
    boolean await(Collection<Link> links, Collection<Link> blocked, long timeoutMs)
            throws IOException;
}

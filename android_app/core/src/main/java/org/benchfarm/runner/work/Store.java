package org.benchfarm.runner.work;

import java.io.File;
import org.benchfarm.runner.engine.Refused;

/**
 * The folder of pushed files, each named by the SHA-256 of its bytes. The agent checks a digest
 * when it pushes the file: reading it again here would warm the page cache.
 */
final class Store {
    private static final String DIGEST = "[0-9a-f]{64}";

    private final File folder;

    Store(File folder) {
        this.folder = folder;
    }

    File file(String digest) throws Refused {
        File file = new File(folder, digest);
        if (!digest.matches(DIGEST) || !file.isFile()) {
            String shown = digest.length() > 80 ? digest.substring(0, 80) : digest;
            throw new Refused("no-file", "no file with SHA-256 '" + shown + "' was pushed");
        }
        return file;
    }

    /** What is known of the page cache; Java can neither look into it nor evict from it. */
    static String pageCacheState(String wish) throws Refused {
        if (wish.equals("keep")) {
            return "page cache keep, residency unavailable: no mincore in Java";
        }
        if (wish.equals("drop")) {
            throw new Refused("option-rejected", "page_cache: drop needs a runner that can evict");
        }
        throw new Refused("option-rejected", "page_cache is keep or drop, not '" + wish + "'");
    }
}

package org.benchfarm.runner.engine;

import java.util.Locale;

/** A command cannot be carried out; becomes the wire's {@code error} message. */
public final class Refused extends Exception {
    private static final long serialVersionUID = 1L;
    private static final int LONGEST_TEXT = 2000;
    private static final String[] MEMORY_WORDS = {
        "bad_alloc", "bad allocation", "failed to allocate memory", "out of memory"
    };

    public final String code;

    public Refused(String code, String text) {
        super(shortened(text));
        this.code = code;
    }

    /** An engine's failure in the engine's own words; memory that ran out has its own code. */
    public static Refused because(Throwable failure, String code) {
        if (failure instanceof Refused) {
            return (Refused) failure;
        }
        String text = String.valueOf(failure.getMessage());
        text = failure.getMessage() == null ? failure.getClass().getSimpleName() : text;
        return new Refused(isMemory(failure, text) ? "out-of-memory" : code, text);
    }

    private static boolean isMemory(Throwable failure, String text) {
        boolean found = failure instanceof OutOfMemoryError;
        for (String words : MEMORY_WORDS) {
            found = found || text.toLowerCase(Locale.ROOT).contains(words);
        }
        return found;
    }

    private static String shortened(String text) {
        String line = text.trim().replaceAll("\\s+", " ");
        return line.length() > LONGEST_TEXT ? line.substring(0, LONGEST_TEXT) : line;
    }
}

package org.benchfarm.runner.onnxruntime;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The library's profile of one inference, one event of Chrome's trace format per line. */
final class Profile {
    private static final Pattern NODE =
            Pattern.compile("_kernel_time\".*\"provider\"\\s*:\\s*\"(\\w+)\"");

    private Profile() {}

    static String filePrefix() throws IOException {
        File folder = Files.createTempDirectory("benchfarm-profile").toFile();
        return new File(folder, "profile").getPath();
    }

    /** Nodes of the optimised graph ({@code nodes}), and how many each provider ran. */
    static Map<String, Object> nodesByProvider(String path) throws IOException {
        Map<String, Object> found = new LinkedHashMap<>();
        found.put("nodes", 0L);
        byte[] bytes = take(path);
        for (String line : new String(bytes, StandardCharsets.UTF_8).split("\n")) {
            Matcher event = NODE.matcher(line);
            if (event.find()) {
                count(found, "nodes");
                count(found, event.group(1));
            }
        }
        return found;
    }

    /** What the library wrote; its file and folder go. */
    static byte[] take(String path) throws IOException {
        byte[] bytes = Files.readAllBytes(new File(path).toPath());
        Files.delete(new File(path).toPath());
        Files.delete(new File(path).getParentFile().toPath());
        return bytes;
    }

    private static void count(Map<String, Object> found, String key) {
        Object before = found.get(key);
        found.put(key, before == null ? 1L : (Long) before + 1);
    }
}

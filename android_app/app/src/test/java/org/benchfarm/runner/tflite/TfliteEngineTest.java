package org.benchfarm.runner.tflite;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertTrue;
import static org.junit.Assert.fail;

import java.io.File;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.benchfarm.runner.engine.LoadRequest;
import org.benchfarm.runner.engine.Model;
import org.benchfarm.runner.engine.Refused;
import org.benchfarm.runner.wire.Message;
import org.junit.Before;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.RobolectricTestRunner;

/** Our TFLite engine against the library's own Java half; its native half is made up. */
@RunWith(RobolectricTestRunner.class)
public final class TfliteEngineTest {
    private File file;

    @Before
    public void write() throws Exception {
        FakeTflite.reset();
        file = File.createTempFile("model", ".tflite");
        file.deleteOnExit();
        Files.write(file.toPath(), FakeTflite.file());
    }

    private static LoadRequest request(String delegate, long batch, Object... options)
            throws Refused {
        Map<String, Object> asked = new LinkedHashMap<>();
        for (int i = 0; i < options.length; i += 2) {
            asked.put((String) options[i], options[i + 1]);
        }
        Message load = Message.of("load").with("engine", "tflite").with("delegate", delegate);
        load.with("threads", 2L).with("batch", batch).with("shapes", Collections.emptyMap());
        return new LoadRequest(load.with("options", asked));
    }

    private Model load(String delegate, Object... options) throws Exception {
        return new TfliteEngine().load(file, request(delegate, 1, options)).prepare();
    }

    private void refused(String code, String words, String delegate, Object... options)
            throws Exception {
        try {
            load(delegate, options);
            fail("loaded with " + delegate + " " + Arrays.toString(options));
        } catch (Refused refused) {
            assertEquals(refused.getMessage(), code, refused.code);
            assertTrue(refused.getMessage(), refused.getMessage().contains(words));
        }
    }

    private static float[] infer(Model model, float... numbers) throws Exception {
        ByteBuffer input = ByteBuffer.allocateDirect(Float.BYTES * numbers.length);
        input.order(ByteOrder.nativeOrder()).asFloatBuffer().put(numbers);
        model.bind(new ByteBuffer[] {input});
        float[] found = new float[numbers.length];
        for (int round = 0; round < 2; round++) { // the second time buffers are there already
            model.copyIn();
            model.invoke();
            assertTrue(model.copiedInsideNs() >= 0);
            model.copyOut();
        }
        ByteBuffer made = ByteBuffer.wrap(model.results().get(0).bytes);
        made.order(ByteOrder.nativeOrder()).asFloatBuffer().get(found);
        return found;
    }

    private static String said() {
        return String.join("; ", FakeTflite.said);
    }

    @Test
    public void anInferenceGoesInAndOut() throws Exception {
        Model model = load("cpu");
        assertArrayEquals(new float[] {2, 3, 4, 5}, infer(model, 1, 2, 3, 4), 0);
        assertArrayEquals(new int[] {1, 4}, model.results().get(0).shape);
        assertArrayEquals(new float[] {0, 1, 2, 3}, infer(model, -1, 0, 1, 2), 0);
        model.close();
        assertTrue(said(), said().contains("closed"));
    }

    @Test
    public void tensorsAreDescribedWithScaleAndZeroPoint() throws Exception {
        Map<String, Object> input = load("cpu").inputs()[0].wire();
        assertEquals("x", input.get("name"));
        assertEquals("float32", input.get("dtype"));
        assertEquals(Arrays.asList(1L, 4L), input.get("shape"));
        assertEquals("0.5", input.get("scale"));
        assertEquals(-3L, input.get("zero_point"));
        assertEquals("", load("cpu").outputs()[0].wire().get("scale"));
    }

    @Test
    public void aBatchResizesTheInputAndItsOutput() throws Exception {
        Model model = new TfliteEngine().load(file, request("cpu", 2)).prepare();
        assertTrue(said(), said().contains("resized to [2, 4] strictly"));
        assertArrayEquals(new int[] {2, 4}, model.inputs()[0].shape);
        float[] made = infer(model, 1, 2, 3, 4, 5, 6, 7, 8);
        assertArrayEquals(new float[] {2, 3, 4, 5, 6, 7, 8, 9}, made, 0);
        assertArrayEquals(new int[] {2, 4}, model.results().get(0).shape);
    }

    @Test
    public void threadsAndXnnpackReachTheLibrary() throws Exception {
        load("cpu");
        assertTrue(said(), said().contains("threads 2 xnnpack true delegates []"));
        load("cpu", "xnnpack", false, "load", "buffer");
        assertTrue(said(), said().contains("threads 2 xnnpack false delegates []"));
    }

    @Test
    public void factsNameWhatIsInForce() throws Exception {
        Map<String, Object> facts = load("cpu").facts();
        assertEquals("tflite", facts.get("engine"));
        assertEquals("2.16.1", facts.get("version"));
        assertEquals(2L, facts.get("threads"));
        assertEquals("mmap", facts.get("load"));
        assertEquals(true, facts.get("xnnpack"));
    }

    // --- delegates ----------------------------------------------------------------------------

    @Test
    public void gpuOptionsReachTheDelegateWhichIsClosedLast() throws Exception {
        FakeTflite.planned = 1;
        Model model = load("gpu");
        assertTrue(said(), said().contains("gpu true true 0 0"));
        assertTrue(said(), said().contains("delegates [71]"));
        model.close();
        assertTrue(said(), said().endsWith("closed; gpu closed"));
        FakeTflite.said.clear();
        Object[] all = {
            "precision", "fp32", "quantized", false, "power_mode", "sustained-speed", "backend",
            "opengl"
        };
        Map<String, Object> facts = load("gpu", all).facts();
        assertTrue(said(), said().contains("gpu false false 1 2"));
        assertEquals("sustained-speed", facts.get("power_mode"));
        load("gpu", "backend", "opencl");
        assertTrue(said(), said().contains("gpu true true 0 1"));
    }

    @Test
    public void nnapiPowerModesReachTheDelegate() throws Exception {
        FakeTflite.planned = 1;
        List<String> modes =
                Arrays.asList("library-default", "low-power", "fast-single-answer", "sustained-speed");
        for (int preference = -1; preference <= 2; preference++) {
            FakeTflite.said.clear();
            Map<String, Object> facts =
                    load("nnapi", "power_mode", modes.get(preference + 1)).facts();
            assertTrue(said(), said().contains("nnapi " + preference + " null true false"));
            assertEquals(modes.get(preference + 1), facts.get("power_mode"));
        }
        load("nnapi", "nnapi_cpu", true, "precision", "fp16", "accelerator", "google-edgetpu");
        assertTrue(said(), said().contains("nnapi -1 google-edgetpu false true"));
    }

    @Test
    public void aPlanOfOneNodeIsFullDelegation() throws Exception {
        FakeTflite.planned = 1;
        Map<String, Object> full = load("gpu").placement();
        assertEquals((long) FakeTflite.OPERATIONS, full.get("delegated_ops"));
        assertEquals((long) FakeTflite.OPERATIONS, full.get("ops"));
        FakeTflite.planned = 2;
        Map<String, Object> part = load("gpu").placement();
        assertFalse(part.containsKey("delegated_ops")); // the log tells how many
        assertEquals(2L, part.get("planned_nodes"));
        assertEquals((long) FakeTflite.OPERATIONS, part.get("graph_ops"));
    }

    @Test
    public void aDelegateThatTakesNothingIsNoSilentRunOnTheCpu() throws Exception {
        for (String delegate : new String[] {"gpu", "nnapi", "xnnpack"}) {
            FakeTflite.said.clear();
            refused("delegate-rejected", delegate + " took no operation", delegate);
            assertTrue(said(), said().contains("; closed"));
        }
        load("cpu"); // which may run as it is
    }

    @Test
    public void aRefusedDelegateIsToldInTheLibrarysWords() throws Exception {
        FakeTflite.failure = "Internal error: Failed to apply delegate: no OpenCL here";
        refused("delegate-rejected", "no OpenCL here", "gpu");
        load("cpu");
    }

    @Test
    public void whatIsRefusedLeavesNoDelegateOpen() throws Exception {
        refused("option-rejected", "no option 'xnnpack'", "gpu", "xnnpack", true);
        assertTrue(said(), said().endsWith("gpu closed"));
        refused("option-rejected", "no option 'xnnpack'", "nnapi", "xnnpack", true);
        assertFalse(said(), said().contains("nnapi")); // the library makes it with the interpreter
        refused("delegate-rejected", "took no operation", "gpu");
        assertTrue(said(), said().endsWith("closed; gpu closed"));
        FakeTflite.failure = "Failed to apply delegate";
        refused("delegate-rejected", "Failed to apply", "gpu");
        assertTrue(said(), said().endsWith("gpu closed"));
        Files.write(file.toPath(), new byte[100]);
        refused("model-rejected", "no TFLite model", "gpu");
        assertTrue(said(), said().endsWith("gpu closed"));
    }

    // --- what is refused ----------------------------------------------------------------------

    @Test
    public void unknownDelegatesAndOptionsAreRefused() throws Exception {
        refused("delegate-rejected", "no delegate 'warp'", "warp");
        refused("option-rejected", "no option 'backend'", "cpu", "backend", "any");
        refused("option-rejected", "mmap or buffer", "cpu", "load", "network");
        refused("option-rejected", "true or false", "cpu", "xnnpack", "yes");
        refused("option-rejected", "fp16 or fp32", "gpu", "precision", "int8");
        refused("option-rejected", "low-power", "nnapi", "power_mode", "turbo");
    }

    @Test
    public void filesThatAreNoModelAreRefused() throws Exception {
        byte[] good = FakeTflite.file();
        byte[][] bad = {{}, Arrays.copyOf(good, 30), new byte[200], {8, 0, 0, 0, 'O', 'N', 'N', 'X'}};
        for (byte[] each : bad) {
            Files.write(file.toPath(), each);
            for (String way : new String[] {"mmap", "buffer"}) {
                refused("model-rejected", "no TFLite model", "cpu", "load", way);
            }
        }
    }
}

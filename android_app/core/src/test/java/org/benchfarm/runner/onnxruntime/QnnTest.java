package org.benchfarm.runner.onnxruntime;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertTrue;
import static org.junit.Assert.fail;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import org.benchfarm.runner.engine.LoadRequest;
import org.benchfarm.runner.engine.Options;
import org.benchfarm.runner.engine.Refused;
import org.benchfarm.runner.wire.Message;
import org.junit.Test;

public final class QnnTest {
    private static Options options(String... given) throws Refused {
        Map<String, Object> asked = new LinkedHashMap<>();
        for (int i = 0; i < given.length; i += 2) {
            asked.put(given[i], given[i + 1]);
        }
        Message load = Message.of("load").with("engine", "onnxruntime").with("delegate", "qnn");
        load.with("threads", 1L).with("batch", 1L).with("shapes", Collections.emptyMap());
        return new Options(new LoadRequest(load.with("options", asked)));
    }

    @Test
    public void nothingIsSetThatNobodyAskedFor() throws Refused {
        Options options = options();
        Map<String, String> found = Qnn.providerOptions(options);
        assertEquals(Collections.singletonMap("backend_path", "libQnnHtp.so"), found);
        assertEquals("library-default", options.finish().get("power_mode"));
    }

    @Test
    public void powerModesAndPrecisionsHaveTheLibrarysNames() throws Refused {
        Map<String, String> found =
                Qnn.providerOptions(
                        options("power_mode", "sustained-high-performance", "precision", "fp32"));
        assertEquals("sustained_high_performance", found.get("htp_performance_mode"));
        assertEquals("0", found.get("enable_htp_fp16_precision"));
        Map<String, String> burst =
                Qnn.providerOptions(options("power_mode", "burst", "precision", "fp16"));
        assertEquals("burst", burst.get("htp_performance_mode"));
        assertEquals("1", burst.get("enable_htp_fp16_precision"));
    }

    @Test
    public void onlyTheSignalProcessorHasPowerModes() throws Refused {
        for (String backend : new String[] {"gpu", "cpu"}) {
            Options options = options("backend", backend, "power_mode", "burst");
            assertEquals(1, Qnn.providerOptions(options).size());
            try {
                options.finish();
                fail("a power mode was passed over");
            } catch (Refused refused) {
                assertEquals("option-rejected", refused.code);
                assertTrue(refused.getMessage().contains("no option 'power_mode'"));
            }
        }
    }

    @Test
    public void unknownBackendsAndModesAreRefused() throws Refused {
        String[][] wrong = {{"backend", "npu"}, {"power_mode", "turbo"}, {"precision", "int8"}};
        for (String[] each : wrong) {
            try {
                Qnn.providerOptions(options(each));
                fail("took " + each[1]);
            } catch (Refused refused) {
                assertEquals("option-rejected", refused.code);
            }
        }
    }
}

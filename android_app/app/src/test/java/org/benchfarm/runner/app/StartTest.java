package org.benchfarm.runner.app;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertNotNull;
import static org.junit.Assert.assertNotSame;
import static org.junit.Assert.assertTrue;
import static org.junit.Assert.fail;
import static org.robolectric.Shadows.shadowOf;

import android.app.Activity;
import android.content.ComponentName;
import android.content.Context;
import android.content.Intent;
import android.os.Bundle;
import android.os.PowerManager;
import android.view.WindowManager;
import java.io.File;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.benchfarm.runner.wire.Decoder;
import org.benchfarm.runner.wire.Encoder;
import org.benchfarm.runner.wire.Message;
import org.junit.After;
import org.junit.Before;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.Robolectric;
import org.robolectric.RobolectricTestRunner;
import org.robolectric.RuntimeEnvironment;
import org.robolectric.android.controller.ActivityController;

/** The three ways to start the runner, up to a host that says bye. */
@RunWith(RobolectricTestRunner.class)
public final class StartTest {
    private static final long PATIENCE_S = 20;

    /** The activity without the end of the process, which would be the end of the tests. */
    public static final class Kept extends RunnerActivity {
        static volatile CountDownLatch left;

        @Override
        void leave() {
            left.countDown();
        }
    }

    /** The instrumentation without a system that waits for its result. */
    static final class Told extends RunnerInstrumentation {
        int code = Integer.MAX_VALUE;
        Bundle result;

        @Override
        public Context getTargetContext() {
            return RuntimeEnvironment.getApplication();
        }

        @Override
        public void start() {} // the system would call onStart on another thread

        @Override
        public void finish(int code, Bundle result) {
            this.code = code;
            this.result = result;
        }
    }

    private final Context phone = RuntimeEnvironment.getApplication();

    @Before
    public void register() throws Exception {
        ComponentName name = new ComponentName(phone, Kept.class);
        shadowOf(phone.getPackageManager()).addActivityIfNotPresent(name);
        Kept.left = new CountDownLatch(1);
    }

    @After
    public void forget() {
        FakeSockets.forget();
    }

    // --- what is said at the start ------------------------------------------------------------

    private Start start(String... extras) {
        Bundle given = new Bundle();
        for (int i = 0; i < extras.length; i += 2) {
            given.putString(extras[i], extras[i + 1]);
        }
        return RunnerActivity.start(phone, given);
    }

    @Test
    public void socketAndTokenAreRequired() {
        String[][] wrong = {
            {}, {"socket", "s"}, {"token", "t"}, {"socket", "", "token", "t"},
            {"socket", "s", "token", ""},
        };
        for (String[] extras : wrong) {
            try {
                start(extras);
                fail("started without " + String.join(" ", extras));
            } catch (IllegalArgumentException refused) {
                assertEquals("give the extras 'socket' and 'token'", refused.getMessage());
            }
        }
        try {
            RunnerActivity.start(phone, null);
            fail("started without any extras");
        } catch (IllegalArgumentException refused) {
            assertTrue(refused.getMessage().contains("token"));
        }
    }

    @Test
    public void theStoreIsTheAppsOwnUnlessAnotherIsGiven() {
        File own = start("socket", "s", "token", "t").store;
        assertEquals(phone.getExternalFilesDir("store"), own);
        File other = start("socket", "s", "token", "t", "store", "/data/local/tmp/x").store;
        assertEquals(new File("/data/local/tmp/x"), other);
    }

    @Test
    public void theSignalProcessorFindsItsLibraries() {
        phone.getApplicationInfo().nativeLibraryDir = "/data/app/x/lib/arm64";
        start("socket", "s", "token", "t");
        assertEquals(
                "/data/app/x/lib/arm64", FakeSockets.Calls.ENVIRONMENT.get("ADSP_LIBRARY_PATH"));
    }

    @Test
    public void extrasOfTheWrongKindCountAsAbsent() {
        Bundle given = new Bundle();
        given.putInt("socket", 7);
        given.putString("token", "t");
        try {
            RunnerActivity.start(phone, given);
            fail("took a number for a name");
        } catch (IllegalArgumentException refused) {
            assertTrue(refused.getMessage().contains("socket"));
        }
    }

    @Test
    public void theShellSaysWhatItWants() throws IOException {
        try {
            ShellMain.main(new String[] {"only-a-name"});
            fail("started without folders");
        } catch (IllegalArgumentException refused) {
            assertEquals("give SOCKET STORE SPOOL", refused.getMessage());
        }
        try {
            ShellMain.main(new String[] {"name", "/nowhere", "/nowhere"}); // no BENCHFARM_TOKEN
            fail("started without a token");
        } catch (IllegalArgumentException refused) {
            assertTrue(refused.getMessage().contains("token"));
        }
    }

    @Test
    public void aSpoolThatCannotBeMadeIsNamed() throws IOException {
        File file = File.createTempFile("spool", "");
        Start start = new Start("s", "t", file, new File(file, "spool"));
        try {
            start.serve("activity", new AndroidPlatform(null));
            fail("served without a spool");
        } catch (IOException failure) {
            assertTrue(failure.getMessage().startsWith("cannot make the spool folder"));
        }
    }

    // --- a host that talks to it --------------------------------------------------------------

    private static SocketChannel connect(String name) throws Exception {
        for (long left = PATIENCE_S * 1000; left > 0; left -= 10) {
            SocketChannel host = FakeSockets.connect(name);
            if (host != null) {
                return host;
            }
            Thread.sleep(10);
        }
        throw new AssertionError("nobody listens to " + name);
    }

    private static Message hello(String token) {
        Message hello = Message.of("hello").with("version", 1L).with("token", token);
        return hello.with("session", "").with("last_seq", 0L);
    }

    private static Message ask(SocketChannel host, Message said) throws Exception {
        say(host, said);
        Decoder decoder = new Decoder();
        List<Message> heard = new ArrayList<>();
        ByteBuffer bytes = ByteBuffer.allocate(1 << 16);
        while (heard.isEmpty()) {
            bytes.clear();
            assertTrue("the runner hung up", host.read(bytes) > 0);
            decoder.feed(bytes.array(), bytes.position(), heard);
        }
        return heard.get(0);
    }

    private static void say(SocketChannel host, Message message) throws Exception {
        host.write(ByteBuffer.wrap(Encoder.encode(message)));
    }

    private static String way(Message ready) {
        assertEquals("ready", ready.type);
        return (String) ready.map("facts").get("start");
    }

    private Intent intent(String socket) {
        Intent intent = new Intent(phone, Kept.class);
        return intent.putExtra("socket", socket).putExtra("token", "secret");
    }

    @Test
    public void theActivityServesOneHostAndLeaves() throws Exception {
        File left = new File(new File(phone.getCacheDir(), "spool"), "7.wire");
        left.getParentFile().mkdirs();
        Files.write(left.toPath(), new byte[] {1});
        Intent intent = intent("activity").putExtra("refresh_hz", 60f);
        Kept activity = Robolectric.buildActivity(Kept.class, intent).create().get();
        WindowManager.LayoutParams window = activity.getWindow().getAttributes();
        assertTrue((window.flags & WindowManager.LayoutParams.FLAG_KEEP_SCREEN_ON) != 0);
        assertEquals(60f, window.preferredRefreshRate, 0);
        try (SocketChannel stranger = connect("activity")) {
            Message error = ask(stranger, hello("guess"));
            assertEquals("bad-token", error.text("code"));
        }
        try (SocketChannel host = connect("activity")) {
            assertEquals("activity", way(ask(host, hello("secret"))));
            assertFalse("what a killed process left is still there", left.exists());
            say(host, Message.of("bye"));
            assertTrue(Kept.left.await(PATIENCE_S, TimeUnit.SECONDS));
        }
        assertTrue(activity.isFinishing());
    }

    @Test
    public void anActivityThatTheSystemMakesAnewGoesOnServing() throws Exception {
        ActivityController<Kept> controller =
                Robolectric.buildActivity(Kept.class, intent("anew")).setup();
        try (SocketChannel host = connect("anew")) {
            assertEquals("activity", way(ask(host, hello("secret"))));
            Kept first = controller.get();
            Kept second = controller.recreate().get();
            assertNotSame(first, second);
            say(host, Message.of("bye"));
            assertTrue(Kept.left.await(PATIENCE_S, TimeUnit.SECONDS));
            assertTrue(second.isFinishing());
        }
    }

    @Test
    public void theShellsTemporaryFilesLieBesideItsSpool() throws IOException {
        String before = System.getProperty("java.io.tmpdir");
        try {
            File spool = File.createTempFile("spool", ""); // a file: it ends before it serves
            ShellMain.main(new String[] {"s", "/nowhere", spool + "/x/spool"}, "token");
            fail("served without a spool");
        } catch (IOException failure) {
            assertTrue(System.getProperty("java.io.tmpdir").endsWith("/x"));
            assertEquals("1", FakeSockets.Calls.ENVIRONMENT.get("ORT_DISABLE_TELEMETRY"));
        } finally {
            System.setProperty("java.io.tmpdir", before);
        }
    }

    @Test
    public void aModeThePhoneDoesNotHaveIsNotPassedOver() {
        PowerManager power = (PowerManager) phone.getSystemService(Context.POWER_SERVICE);
        assertFalse(power.isSustainedPerformanceModeSupported());
        try {
            Intent intent = intent("mode").putExtra("sustained", true);
            Robolectric.buildActivity(Kept.class, intent).create();
            fail("started as if it were sustained");
        } catch (UnsupportedOperationException refused) {
            assertTrue(refused.getMessage().contains("sustained-performance"));
        }
    }

    @Test
    public void theInstrumentationServesOneHostAndTellsThatAllWasWell() throws Exception {
        final Told runner = new Told();
        Bundle extras = new Bundle();
        extras.putString("socket", "instrumentation");
        extras.putString("token", "secret");
        runner.onCreate(extras);
        Thread system =
                new Thread("instrumentation") {
                    @Override
                    public void run() {
                        runner.onStart();
                    }
                };
        system.start();
        try (SocketChannel host = connect("instrumentation")) {
            assertEquals("instrumentation", way(ask(host, hello("secret"))));
            say(host, Message.of("bye"));
            system.join(PATIENCE_S * 1000);
        }
        assertEquals(Activity.RESULT_OK, runner.code);
    }

    @Test
    public void theInstrumentationTellsWhyItFailed() {
        Told runner = new Told();
        runner.onCreate(null);
        runner.onStart();
        assertEquals(Activity.RESULT_CANCELED, runner.code);
        assertNotNull(runner.result);
        assertTrue(runner.result.getString("error").contains("give the extras"));
    }
}

import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.function.BooleanSupplier;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;

/** What a program writes down, one fact a line: the same of two brokers that do the same. */
final class Transcript {
    static final String SERVERS = System.getenv("BOOTSTRAP_SERVERS");
    static final Duration SOON = Duration.ofSeconds(240);

    static {
        System.setProperty("org.apache.logging.log4j.level", "OFF");
    }

    private Transcript() {
    }

    static void title(String text) {
        System.out.println("# " + text);
    }

    static void fact(String what, Object value) {
        System.out.println(what + ": " + value);
    }

    /** Writes the answer down, or the kind of the error. */
    static void attempt(String what, Callable<?> call) {
        fact(what, outcome(call));
    }

    static Object outcome(Callable<?> call) {
        try {
            return call.call();
        } catch (ExecutionException error) {
            return kind(error.getCause());
        } catch (Exception | Error error) {
            return kind(error);
        }
    }

    /** A plain KafkaException only wraps what happened. */
    static String kind(Throwable error) {
        boolean isWrapped = error.getClass() == org.apache.kafka.common.KafkaException.class && error.getCause() != null;
        return (isWrapped ? error.getCause() : error).getClass().getSimpleName();
    }

    /** An action that answers nothing. */
    interface Action {
        void run() throws Exception;
    }

    static void attempt(String what, Action action) {
        attempt(what, () -> {
            action.run();
            return "done";
        });
    }

    static void await(String what, BooleanSupplier isSo) {
        long deadline = System.nanoTime() + SOON.toNanos();
        while (!isSo.getAsBoolean()) {
            if (System.nanoTime() > deadline) {
                fact(what, "never");
                return;
            }
            pause(20);
        }
        fact(what, "yes");
    }

    /** Writes the answer down once it is the wanted one: a broker may learn of a change a moment after its controller. */
    static void until(String what, Callable<?> call, Object wanted) {
        long deadline = System.nanoTime() + SOON.toNanos();
        Object found = outcome(call);
        while (!found.equals(wanted) && System.nanoTime() < deadline) {
            pause(20);
            found = outcome(call);
        }
        fact(what, found);
    }

    static void pause(long milliseconds) {
        try {
            Thread.sleep(milliseconds);
        } catch (InterruptedException interrupted) {
            throw new IllegalStateException(interrupted);
        }
    }

    static Admin admin() {
        return Admin.create(Map.of("bootstrap.servers", SERVERS, "client.id", "admin"));
    }

    static void create(String topic, int partitions, Map<String, String> configs) {
        try (var admin = admin()) {
            admin.createTopics(List.of(new NewTopic(topic, partitions, (short) 1).configs(configs))).all().get();
            await("topic " + topic, () -> outcome(() -> admin.describeTopics(List.of(topic)).allTopicNames().get())
                instanceof Map<?, ?>);
        } catch (InterruptedException | ExecutionException error) {
            throw new IllegalStateException(error);
        }
    }

    static void create(String topic, int partitions) {
        create(topic, partitions, Map.of());
    }

    static List<String> sorted(Collection<?> values) {
        return values.stream().map(String::valueOf).sorted().toList();
    }
}

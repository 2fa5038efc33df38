import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.apache.kafka.common.utils.Exit;

/**
 * Kafka's own command line tools, run one after the other in this JVM: a start of its own would cost each a second.
 *
 * A transcript shows a command behind "$", then what the tool said, sorted, then its exit status where it is not 0. Stack
 * traces and the words of errors are left out, and what differs from run to run stands there as its kind, such as ID.
 */
enum Tool {
    TOPICS("TopicCommand"),
    CONFIGS("kafka.admin.ConfigCommand"),
    OFFSETS("GetOffsetShell"),
    DELETE_RECORDS("DeleteRecordsCommand"),
    GROUPS("GroupsCommand"),
    CONSUMER_GROUPS("consumer.group.ConsumerGroupCommand"),
    SHARE_GROUPS("consumer.group.ShareGroupCommand"),
    TRANSACTIONS("TransactionsCommand"),
    PRODUCE("ConsoleProducer"),
    CONSUME("consumer.ConsoleConsumer"),
    SHARE("consumer.ConsoleShareConsumer"),
    PRODUCER_PERFORMANCE("ProducerPerformance"),
    CONSUMER_PERFORMANCE("ConsumerPerformance"),
    SHARE_PERFORMANCE("ShareConsumerPerformance"),
    LATENCY("EndToEndLatency"),
    VERIFIABLE_PRODUCER("VerifiableProducer"),
    VERIFIABLE_CONSUMER("VerifiableConsumer"),
    COPIER("TransactionalMessageCopier"),
    COMPATIBILITY("ClientCompatibilityTest"),
    VERSIONS("BrokerApiVersionsCommand");

    private static final PrintStream TRANSCRIPT = System.out;
    private static final List<Map.Entry<Pattern, String>> PLAIN = Stream.of(
            "\\S*" + Pattern.quote(Transcript.SERVERS) + "=SERVER",
            "\\b(localhost|127\\.0\\.0\\.1|\\[::1\\])\\b:\\d+=SERVER",
            "/(127\\.0\\.0\\.1|0:0:0:0:0:0:0:1)=/ADDRESS",
            "\\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\\b=UUID",
            "TopicId: \\S+=TopicId: ID",
            "\\b1[0-9]{12}\\b=TIME",
            "\\b20\\d\\d-\\d\\d-\\d\\d[T ]\\d\\d:\\d\\d:\\d\\d[.,:]\\d+Z?=DATE",
            "^\\[?DATE\\]? ERROR =",
            "\\b(?:[a-z]+\\.)+(\\w+(?:Exception|Error)): .*=$1",
            "^(Error[^:]*):.*=$1",
            "^(Error while executing \\w+ command).*=$1",
            "[ \\t]+= ")
        .map(rule -> Map.entry(Pattern.compile(rule.substring(0, rule.lastIndexOf('='))),
            rule.substring(rule.lastIndexOf('=') + 1)))
        .toList();

    /** What a verifiable client prints of itself. */
    private static final Pattern EVENT = Pattern.compile("(?<=\"name\":\")\\w+|\"(sent|acked)\":\\d+");
    private static final List<String> ONCE_A_RECORD = List.of("producer_send_success", "producer_send_error");

    private final String mainClass;

    Tool(String name) {
        mainClass = name.startsWith("kafka.") ? name : "org.apache.kafka.tools." + name;
    }

    /** Thrown where a tool would end the JVM. */
    private static final class Ended extends Error {
        static final String MARK = "the JVM would have ended";

        Ended() {
            super(MARK, null, false, false);
        }
    }

    private record Said(int status, List<String> lines) {
    }

    /** Arguments have spaces between them and none inside; the address of the broker comes first. */
    void run(String arguments) {
        run(arguments, "");
    }

    /** `input`: what is typed. */
    void run(String arguments, String input) {
        var said = show(arguments, input);
        said.lines.stream().filter(Tool::isWorthSaying).map(Tool::plain).sorted().forEach(TRANSCRIPT::println);
        finish(said);
    }

    /** Shows only what matches in what it says: its numbers are not the same twice. */
    void runFor(String arguments, String pattern) {
        var said = show(arguments, "");
        Pattern.compile(pattern).matcher(String.join("\n", said.lines)).results()
            .map(match -> match.group()).sorted().forEach(TRANSCRIPT::println);
        finish(said);
    }

    /** In a JVM of its own, for a tool that ends its JVM in other ways than Kafka's. Shows how often each event occurs. */
    void runAlone(String arguments) throws IOException, InterruptedException {
        TRANSCRIPT.println("$ " + mainClass.substring(mainClass.lastIndexOf('.') + 1) + " " + arguments);
        var command = new ArrayList<>(List.of("java", "-cp", System.getProperty("java.class.path"), mainClass,
            "--bootstrap-server", Transcript.SERVERS));
        command.addAll(List.of(arguments.split(" ")));
        var process = new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
        var counts = new TreeMap<String, Integer>();
        process.inputReader().lines().forEach(line -> EVENT.matcher(line).results()
            .forEach(match -> counts.merge(match.group(), 1, Integer::sum)));
        counts.forEach((event, count) -> TRANSCRIPT.println(event + (ONCE_A_RECORD.contains(event) ? " " + count : "")));
        finish(new Said(process.waitFor(), List.of()));
    }

    private Said show(String arguments, String input) {
        var shown = arguments.replaceAll("/\\S+\\.json", "FILE");
        TRANSCRIPT.println("$ " + mainClass.substring(mainClass.lastIndexOf('.') + 1) + " " + shown);
        var server = this == COPIER ? "--broker-list" : "--bootstrap-server";
        return result(input, (server + " " + Transcript.SERVERS + " " + arguments).strip().split(" "));
    }

    private static void finish(Said said) {
        if (said.status != 0) {
            TRANSCRIPT.println("exit " + said.status);
        }
        TRANSCRIPT.flush();
    }

    private static boolean isWorthSaying(String line) {
        return !line.isBlank() && !line.startsWith("\tat ") && !line.startsWith("\t... ") && !line.contains(Ended.MARK);
    }

    private static String plain(String line) {
        for (var rule : PLAIN) {
            line = rule.getKey().matcher(line).replaceAll(rule.getValue());
        }
        return line.strip();
    }

    private Said result(String input, String... arguments) {
        var statuses = new ArrayList<Integer>();
        Exit.Procedure end = (status, message) -> {
            statuses.add(status);
            if (message != null) {
                System.err.println(message);
            }
            throw new Ended();
        };
        Exit.setExitProcedure(end);
        Exit.setHaltProcedure(end);
        var hooks = new ArrayList<Runnable>();
        Exit.setShutdownHookAdder((name, hook) -> hooks.add(hook));
        var bytes = new ByteArrayOutputStream();
        var output = new PrintStream(bytes, true);
        var standardError = System.err;
        System.setOut(output);
        System.setErr(output);
        System.setIn(new ByteArrayInputStream(input.getBytes()));
        try {
            Class.forName(mainClass).getMethod("main", String[].class).invoke(null, (Object) arguments);
        } catch (InvocationTargetException thrown) {
            if (!(thrown.getCause() instanceof Ended)) {
                output.println(thrown.getCause());
                statuses.add(1);
            }
        } catch (ReflectiveOperationException missing) {
            throw new IllegalStateException(missing);
        } finally {
            hooks.forEach(Runnable::run);
            System.setOut(TRANSCRIPT);
            System.setErr(standardError);
        }
        return new Said(statuses.isEmpty() ? 0 : statuses.get(0), bytes.toString().lines().toList());
    }
}

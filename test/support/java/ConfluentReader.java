/* Confluent's AvroConverter as a reader: what a Kafka Connect sink gets of our Avro, printed by Kafka's JsonConverter.
 *
 *     in   topic TAB key|value TAB base64 of the bytes, or -
 *     out  {"schema":..,"payload":..}, or null; a line for each line, flushed
 *
 * arguments: the registry's URL. Runs as one file (java ConfluentReader.java), so nothing is built beforehand.
 */
import io.confluent.connect.avro.AvroConverter;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.Map;
import org.apache.kafka.connect.data.SchemaAndValue;
import org.apache.kafka.connect.json.JsonConverter;

public class ConfluentReader {
    public static void main(String[] arguments) throws Exception {
        AvroConverter[] readers = {new AvroConverter(), new AvroConverter()};
        JsonConverter printer = new JsonConverter();
        PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));

        for (int i = 0; i < 2; i++)
            readers[i].configure(Map.of("schema.registry.url", arguments[0]), i == 0);
        printer.configure(Map.of("schemas.enable", "true", "replace.null.with.default", "false"), false);
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            String[] words = line.split("\t");
            byte[] bytes = words[2].equals("-") ? null : Base64.getDecoder().decode(words[2]);
            SchemaAndValue read = readers[words[1].equals("key") ? 0 : 1].toConnectData(words[0], bytes);
            byte[] text = printer.fromConnectData(words[0], read.schema(), read.value());
            out.println(text == null ? "null" : new String(text, StandardCharsets.UTF_8));
            out.flush();
        }
    }
}

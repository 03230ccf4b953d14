import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;

/** Asks as the stock HttpClient does by itself: with an offer to speak HTTP/2. */
class Client {
    static final HttpClient client = HttpClient.newHttpClient();

    public static void main(String[] given) throws Exception {
        var infer = HttpRequest.newBuilder(URI.create(given[0] + "/v2/models/m/infer"));
        var body = HttpRequest.BodyPublishers.ofFile(Path.of(given[1]));
        for (int n = 0; n < 3; n++) tell(infer.POST(body).build());
        tell(HttpRequest.newBuilder(URI.create(given[0] + "/v2/models/m")).build());
        tell(infer.POST(HttpRequest.BodyPublishers.ofString("{}")).build());
    }

    static void tell(HttpRequest request) throws Exception {
        System.out.println(client.send(request, HttpResponse.BodyHandlers.ofString()).statusCode());
    }
}

/// Asks an endpoint for a prediction, and the same model in the Open Inference Protocol: Java 17, nothing else.
///
///     java Predict.java http://127.0.0.1:8000 late '{"distance": 1200, "carrier": "UA"}' \
///         '{"inputs": [{"name": "features", "shape": [1, 3], "datatype": "FP32", "data": [1.2, 0, 4]}]}'
///
/// Exit code 0 when everything was answered, 1 when the server refused, 2 when it could not be reached.

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;

public class Predict {
    private static final int TRIES = 5;
    private static final HttpClient CLIENT = HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(5)).build();

    public static void main(String[] args) throws InterruptedException {
        if (args.length < 3) {
            System.err.println("usage: java Predict.java URL ENDPOINT ROW-AS-JSON [TENSORS-AS-JSON]");
            System.exit(2);
        }
        boolean fine = show(args[0] + "/endpoints/" + args[1] + "/predict", args[2]);
        if (args.length > 3) {
            fine &= show(args[0] + "/v2/models/" + args[1] + "/infer", args[3]);
        }
        System.exit(fine ? 0 : 1);
    }

    /// Prints the answer and which release gave it, or what is wrong and whose mistake it is.
    private static boolean show(String url, String json) throws InterruptedException {
        HttpResponse<String> answer;
        try {
            answer = post(url, json);
        } catch (IOException | IllegalArgumentException error) {
            System.err.println("cannot reach " + url + ": " + error.getMessage());
            System.exit(2);
            return false;
        }
        switch (answer.statusCode()) {
            case 200 -> {
                System.out.println(answer.body());
                System.out.println("by " + answer.headers().firstValue("Arkwright-Release").orElse("?"));
                return true;
            }
            case 400, 413, 415, 422 -> System.err.println("the request is wrong: " + answer.body());
            case 404 -> System.err.println("no such endpoint: " + answer.body());
            case 429, 503 -> System.err.println("busy, after " + TRIES + " tries: " + answer.body());
            default -> System.err.println("the server failed with " + answer.statusCode() + ": " + answer.body());
        }
        return false;
    }

    /// One request; while the server is busy, again after as long as it says.
    private static HttpResponse<String> post(String url, String json) throws IOException, InterruptedException {
        HttpRequest request = HttpRequest.newBuilder(URI.create(url))
                .header("Content-Type", "application/json")
                .timeout(Duration.ofSeconds(30))
                .POST(BodyPublishers.ofString(json))
                .build();
        HttpResponse<String> answer = CLIENT.send(request, BodyHandlers.ofString());
        for (int tries = 1; tries < TRIES && (answer.statusCode() == 503 || answer.statusCode() == 429); tries++) {
            Thread.sleep(1000 * answer.headers().firstValueAsLong("Retry-After").orElse(1));
            answer = CLIENT.send(request, BodyHandlers.ofString());
        }
        return answer;
    }
}

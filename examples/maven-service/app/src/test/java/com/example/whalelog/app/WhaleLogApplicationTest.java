package com.example.whalelog.app;

import static org.assertj.core.api.Assertions.assertThat;

import com.example.whalelog.core.Sighting;
import java.time.Clock;
import java.time.LocalDate;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.test.context.SpringBootTest;
import org.springframework.boot.test.context.SpringBootTest.WebEnvironment;
import org.springframework.boot.test.web.client.TestRestTemplate;
import org.springframework.http.HttpStatus;

@SpringBootTest(webEnvironment = WebEnvironment.RANDOM_PORT)
class WhaleLogApplicationTest {

    @Autowired
    private TestRestTemplate http;

    @Autowired
    private Clock clock;

    @Test
    void notesASightingOverHttp() {
        var answer = http.postForEntity(
                "/sightings", Map.of("species", "FIN_WHALE", "place", "Faial", "animals", 2), Sighting.class);

        assertThat(answer.getStatusCode()).isEqualTo(HttpStatus.CREATED);
        assertThat(answer.getBody()).isNotNull();
        assertThat(answer.getBody().day()).isEqualTo(LocalDate.now(clock));
        assertThat(http.getForObject(answer.getHeaders().getLocation(), Sighting.class)).isEqualTo(answer.getBody());
    }

    @Test
    void isReady() {
        assertThat(http.getForObject("/actuator/health/readiness", String.class)).contains("UP");
    }
}

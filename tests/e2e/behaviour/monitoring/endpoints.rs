//! The paths /health, /stats and /metrics, and that they are answered past the queue.

use super::{ONE, number, start, total};
use crate::PROGRAM;
use crate::overload::{NARROW, burst, refused};
use e2e::{Client, Json, Site, eventually};
use verdict::test;

#[test]
fn health_says_ok_and_counts_open_connections() {
    let server = start(&Site::new());
    let mut clients: Vec<Client> = (0..5).map(|_| server.client()).collect();
    for client in &mut clients {
        client.get("/").expect(200);
    }
    let response = clients[0].get("/health").expect(200);
    assert_eq!(response.header("Content-Type"), Some("application/json"));
    let expected: Json = r#"{"status": "ok", "active_connections": 5}"#.parse().expect("JSON");
    assert_eq!(
        response.json(),
        expected,
        "/health should be these two fields, and there are five connections"
    );
    clients.truncate(1);
    eventually("connections that ended are no longer counted", || {
        clients[0].get("/health").json()["active_connections"] == 1
    });
}

#[test]
fn stats_has_every_number_for_all_and_for_each_worker() {
    let server = PROGRAM.serve(&Site::new(), &ONE);
    let response = server.client().get("/stats").expect(200);
    assert_eq!(response.header("Content-Type"), Some("application/json"));
    let stats = response.json();
    let workers = stats["workers"].as_array().expect("/stats should have a list of workers").clone();
    assert_eq!(workers.len(), 1, "there is one worker");
    assert_eq!(workers[0]["slot"], 0);
    assert_eq!(
        workers[0]["pid"],
        server.serving()[0].as_raw(),
        "the pid should be that of the process that serves"
    );
    let names = [
        "requests",
        "bytes_sent",
        "rejections",
        "cache_hits",
        "cache_misses",
        "cache_evictions",
        "cache_bytes",
        "cache_entries",
        "connections_accepted",
        "connections_active",
        "connections_idle",
        "queue_depth",
        "threads_busy",
        "restarts",
        "log_lines_dropped",
    ];
    for name in names {
        number(&stats["total"], name);
        number(&workers[0], name);
    }
    assert!(stats["total"]["responses"].is_object(), "/stats should count responses by status");
}

#[test]
fn monitoring_can_be_asked_for_with_get_and_head_only() {
    let server = start(&Site::new().file("health", "a file").file("metrics/index.html", "a page"));
    let mut client = server.client();
    for path in ["/health", "/stats", "/metrics"] {
        let get = client.get(path).expect(200);
        let head = client.ask("HEAD", path, &[]).expect(200);
        assert_eq!(get.header("Content-Type"), head.header("Content-Type"));
        assert_eq!(get.header("Cache-Control"), Some("no-store"), "old numbers should not be kept");
        assert_eq!(
            client.ask("POST", path, &["Content-Length: 0"]).expect(405).header("Allow"),
            Some("GET, HEAD")
        );
        client.get(&format!("{path}?query")).expect(200);
    }
    assert_ne!(client.get("/health").text(), "a file", "the path should be the server's own");
    assert_eq!(client.get("/metrics/").expect(200).text(), "a page", "a directory is not a monitoring path");
}

#[test]
fn monitoring_is_answered_while_every_thread_is_busy_and_the_queue_is_full() {
    let server = PROGRAM.launch().site(&Site::new()).flags(&NARROW).flags(&["--hand-off", "always"]).start();
    let (mut refusals, mut deepest) = (0, 0);
    eventually("20 of 60 requests are refused, and /stats has seen the queue full", || {
        let responses =
            burst(&server, &["/", "/", "/", "/health", "/", "/", "/", "/stats", "/metrics"].repeat(10));
        for responses in responses.chunks(9) {
            let [_, _, _, health, _, _, _, stats, metrics] = responses else { panic!("nine were asked for") };
            let answered = [health.status, stats.status, metrics.status];
            assert_eq!(answered, [200, 200, 200], "monitoring should be answered past the queue");
            deepest = deepest.max(number(&stats.json()["total"], "queue_depth"));
        }
        refusals += refused(&responses);
        refusals >= 20 && deepest >= 2
    });
    // A thread takes a request before it counts that, so for a moment there may seem to be one more.
    assert!(deepest <= 3, "a queue of two places should not be said to hold {deepest}");
    let mut client = server.client();
    eventually("every refusal is counted, as such and by its status", || {
        let total = total(&mut client);
        (number(&total, "rejections"), number(&total, "responses/503")) == (refusals, refusals)
    });
}

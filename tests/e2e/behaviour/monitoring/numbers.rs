//! The numbers agree with what the clients did.

use super::{number, start, total, when_counted};
use e2e::{Client, Site, eventually, pattern};
use std::thread;
use verdict::test;

#[test]
fn requests_are_counted_by_status_and_bytes_as_they_were_sent() {
    let server = start(&Site::new().file("large.bin", pattern(3 << 20)));
    let first = server.get("/").expect(200);
    let cached = format!("If-None-Match: {}", first.etag());
    let asked: [(&str, &str, &[&str], u16); 8] = [
        ("GET", "/", &[], 200),
        ("HEAD", "/", &[], 200),
        ("GET", "/large.bin", &[], 200),
        ("GET", "/large.bin", &["Range: bytes=0-999999"], 206),
        ("GET", "/", &[&cached], 304),
        ("GET", "/missing", &[], 404),
        ("GET", "/missing too", &[], 400),
        ("POST", "/", &["Content-Length: 0"], 204),
    ];
    let mut bytes = first.bytes as u64;
    for (method, path, fields, status) in asked {
        bytes += server.client().ask(method, path, fields).expect(status).bytes as u64;
    }
    let total = when_counted(&mut server.client(), 9);
    assert_eq!(number(&total, "requests"), 9);
    assert_eq!(number(&total, "bytes_sent"), bytes, "bytes_sent (left) should be what the clients received");
    for (status, count) in [("200", 4), ("206", 1), ("304", 1), ("404", 1), ("400", 1), ("204", 1)] {
        assert_eq!(number(&total, &format!("responses/{status}")), count, "answers with {status}: {total}");
    }
}

#[test]
fn monitoring_requests_are_counted_apart_and_do_not_change_the_response_times() {
    let server = start(&Site::new());
    let mut client = server.client();
    client.get("/").expect(200);
    let before = when_counted(&mut client, 1);
    for _ in 0..20 {
        for path in ["/health", "/metrics", "/stats"] {
            client.get(path).expect(200);
        }
    }
    let after = total(&mut client);
    for name in ["requests", "bytes_sent", "responses", "durations", "response_time_milliseconds_avg"] {
        assert_eq!(after[name], before[name], "{name} should not change when the server is looked at");
    }
    let looked = number(&after, "monitoring_requests") - number(&before, "monitoring_requests");
    assert!(looked >= 60, "60 monitoring requests should be counted as such, not {looked}");
}

#[test]
fn the_cache_is_counted() {
    let site = ["a", "b", "c"].iter().fold(Site::new(), |site, name| site.file(name, pattern(400 << 10)));
    let server = crate::PROGRAM.serve(&site, &["--num-workers", "1", "--cache-size-mb", "1"]);
    let mut client = server.client();
    let paths = ["/a", "/a", "/b", "/c", "/a", "/missing"];
    let says = |client: &mut Client, path| client.get(path).header("X-Cache").map(str::to_owned);
    let seen: Vec<Option<String>> = paths.iter().map(|path| says(&mut client, path)).collect();
    let count = |what: &str| seen.iter().filter(|cache| cache.as_deref() == Some(what)).count() as u64;
    let total = when_counted(&mut client, paths.len() as u64);
    assert_eq!((number(&total, "cache_hits"), number(&total, "cache_misses")), (count("HIT"), count("MISS")));
    assert!(number(&total, "cache_evictions") >= 2, "three files do not fit at once: {total}");
    assert_eq!(number(&total, "cache_entries"), 2, "two of them do");
    assert!((800 << 10..=1 << 20).contains(&number(&total, "cache_bytes")), "and they take 800 KiB: {total}");
}

#[test]
fn nothing_is_lost_when_many_clients_are_counted_at_once() {
    let server = start(&Site::new());
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut client = server.client();
                for _ in 0..100 {
                    client.get("/").expect(200);
                    client.get("/missing").expect(404);
                }
            });
        }
    });
    let mut client = server.client();
    let total = when_counted(&mut client, 1600);
    let counted = ["requests", "responses/200", "responses/404"].map(|name| number(&total, name));
    assert_eq!(counted, [1600, 800, 800], "every request should be counted, and once: {total}");
    let buckets = total["durations"].as_array().expect("/stats should have a histogram of durations");
    let sum: u64 = buckets.iter().filter_map(|bucket| bucket["count"].as_u64()).sum();
    assert_eq!(sum, 1600, "each should be in one bucket of the response times");
}

#[test]
fn a_download_that_the_client_gives_up_is_counted() {
    let server = start(&Site::new().sparse("large.bin", 64 << 20));
    let mut client = server.client();
    client.send("GET /large.bin HTTP/1.1\r\nHost: localhost\r\n\r\n");
    client.head().expect(200);
    drop(client);
    let mut client = server.client();
    eventually("the response is counted as aborted", || number(&total(&mut client), "aborted") == 1);
}

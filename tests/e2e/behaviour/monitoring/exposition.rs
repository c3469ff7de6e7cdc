//! /metrics, as Prometheus reads it (text format 0.0.4).

use super::{start, when_counted};
use e2e::{Client, Server, Site, pattern};
use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::process::{Command, Stdio};
use std::thread;
use verdict::test;

/// A page of the text format, taken apart and checked.
struct Page {
    /// Type of each family.
    types: HashMap<String, String>,
    /// Value of each sample, by its name with labels.
    samples: BTreeMap<String, f64>,
}

impl Page {
    /// Every sample belongs to a family with HELP and TYPE, stated once and before it; no sample comes twice.
    #[track_caller]
    fn parse(text: &str) -> Page {
        assert!(text.ends_with('\n'), "the last line should end");
        let (mut helped, mut page) = (Vec::new(), Page { types: HashMap::new(), samples: BTreeMap::new() });
        for line in text.lines() {
            if let Some(help) = line.strip_prefix("# HELP ") {
                let (name, help) = help.split_once(' ').unwrap_or((help, ""));
                assert!(
                    !help.is_empty() && !helped.contains(&name),
                    "HELP should be there, and once: {line}"
                );
                helped.push(name);
            } else if let Some(kind) = line.strip_prefix("# TYPE ") {
                let (name, kind) = kind.split_once(' ').expect("a name and a type");
                assert!(matches!(kind, "counter" | "gauge" | "histogram"), "the type of {name} is {kind}");
                assert_eq!(
                    page.types.insert(name.to_owned(), kind.to_owned()),
                    None,
                    "TYPE should come once: {line}"
                );
            } else {
                let (name, value) = line.rsplit_once(' ').expect("a sample is a name and a value");
                let value: f64 = value.parse().unwrap_or_else(|_| panic!("not a number: {line}"));
                assert!(value.is_finite() && value >= 0.0, "no number here can be negative: {line}");
                let family = page.family(name);
                assert!(
                    helped.contains(&family.as_str()),
                    "this sample should have HELP and TYPE before it: {line}"
                );
                assert_eq!(
                    page.samples.insert(name.to_owned(), value),
                    None,
                    "this sample comes twice: {line}"
                );
            }
        }
        page
    }

    fn family(&self, sample: &str) -> String {
        let name = sample.split('{').next().unwrap_or(sample);
        let stem = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
        let histogram = stem.filter(|stem| self.types.get(*stem).is_some_and(|kind| kind == "histogram"));
        let family = histogram.unwrap_or(name);
        assert!(self.types.contains_key(family), "this sample should have a TYPE before it: {sample}");
        family.to_owned()
    }

    #[track_caller]
    fn value(&self, name: &str) -> f64 {
        *self.samples.get(name).unwrap_or_else(|| panic!("/metrics should have {name}"))
    }

    /// Buckets are cumulative and ordered, the last is the count, and there is a sum.
    #[track_caller]
    fn check_histogram(&self, name: &str) {
        assert_eq!(self.types.get(name).map(String::as_str), Some("histogram"), "the type of {name}");
        let prefix = format!("{name}_bucket{{le=\"");
        let bound = |sample: &str| sample.strip_prefix(&prefix)?.strip_suffix("\"}")?.parse::<f64>().ok();
        let mut buckets: Vec<(f64, f64)> =
            self.samples.iter().filter_map(|(sample, &count)| Some((bound(sample)?, count))).collect();
        buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        assert!(buckets.len() > 3, "{name} should have buckets");
        for pair in buckets.windows(2) {
            assert!(pair[0].1 <= pair[1].1, "{name}: a bucket should hold all smaller ones: {pair:?}");
        }
        let last = buckets[buckets.len() - 1];
        assert_eq!(
            last,
            (f64::INFINITY, self.value(&format!("{name}_count"))),
            "{name}: +Inf should be the count"
        );
        let (sum, count) = (self.value(&format!("{name}_sum")), last.1);
        assert!((count == 0.0) == (sum == 0.0), "{name}: {count} durations cannot add up to {sum} seconds");
    }
}

fn scrape(client: &mut Client) -> Page {
    let response = client.get("/metrics").expect(200);
    let content_type = Some("text/plain; version=0.0.4; charset=utf-8");
    assert_eq!(
        response.header("Content-Type"),
        content_type,
        "the type names the format, and Prometheus asks for it"
    );
    Page::parse(&response.text())
}

/// A server that has counted 30 requests, and a client of it.
fn busy_server() -> (Server, Client) {
    let server = start(&Site::new().file("large.bin", pattern(3 << 20)));
    let mut client = server.client();
    for _ in 0..10 {
        client.get("/").expect(200);
        client.get("/large.bin").expect(200);
        client.get("/missing").expect(404);
    }
    when_counted(&mut client, 30);
    (server, client)
}

#[test]
fn the_page_is_well_formed_and_has_what_was_promised() {
    let (_server, mut client) = busy_server();
    let page = scrape(&mut client);
    assert_eq!(page.value("http_requests_total"), 30.0);
    assert_eq!(page.value("http_responses_total{code=\"200\"}"), 20.0);
    assert_eq!(page.value("http_responses_total{code=\"404\"}"), 10.0);
    assert!(
        page.value("http_requests_bytes_sent_total") > 30.0 * 1024.0 * 1024.0,
        "ten large files were sent"
    );
    assert_eq!(page.value("http_connections_active"), 1.0);
    assert!(page.value("http_response_time_milliseconds_avg") > 0.0);
    page.value("http_response_time_milliseconds_since_last");
    page.check_histogram("http_request_duration_seconds");
    page.check_histogram("herd_queue_wait_seconds");
    assert_eq!(page.value("http_request_duration_seconds_count"), 30.0);
    let average = page.value("http_request_duration_seconds_sum") * 1000.0 / 30.0;
    let said = page.value("http_response_time_milliseconds_avg");
    assert!(
        (average - said).abs() <= 0.001 + said / 1000.0,
        "sum / count is {average} ms, the average {said} ms"
    );
    let hits = page.value("herd_cache_hits_total");
    assert_eq!(hits + page.value("herd_cache_misses_total"), 20.0, "each file came from the cache or not");
    for gauge in ["herd_queue_depth", "herd_cache_bytes", "herd_worker_restarts_total{worker=\"0\"}"] {
        page.value(gauge);
    }
    for (name, kind) in &page.types {
        assert_eq!(name.ends_with("_total"), kind == "counter", "{name} is a {kind}");
    }
}

#[test]
fn since_last_covers_the_time_between_two_scrapes() {
    let (_server, mut client) = busy_server();
    let name = "http_response_time_milliseconds_since_last";
    assert!(scrape(&mut client).value(name) > 0.0, "30 requests were answered since the start");
    assert_eq!(scrape(&mut client).value(name), 0.0, "none was answered since the last scrape");
    client.get("/large.bin").expect(200);
    when_counted(&mut client, 31);
    assert!(scrape(&mut client).value(name) > 0.0, "one was answered since");
}

#[test]
fn every_page_is_consistent_under_load() {
    let server = start(&Site::new());
    thread::scope(|scope| {
        let load = scope.spawn(|| {
            let mut client = server.client();
            (0..500).for_each(|_| drop(client.get("/").expect(200)));
        });
        let mut clients = [server.client(), server.client()];
        while !load.is_finished() {
            for client in &mut clients {
                scrape(client).check_histogram("http_request_duration_seconds");
            }
        }
    });
}

#[test]
fn promtool_accepts_the_page() {
    let (_server, mut client) = busy_server();
    let page = client.get("/metrics").expect(200).body;
    let started = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut promtool) = started else { return e2e::skip("promtool is not installed") };
    let written = promtool.stdin.take().expect("a pipe").write_all(&page);
    let output = promtool.wait_with_output().expect("promtool should end");
    let says = String::from_utf8_lossy(&output.stderr);
    // promtool wants seconds instead of milliseconds, but these two names are given by the course.
    let objections: Vec<&str> =
        says.lines().filter(|line| !line.starts_with("http_response_time_milliseconds_")).collect();
    let (parsed, linted) = (Some(0), Some(3));
    assert!(
        [parsed, linted].contains(&output.status.code()) && written.is_ok(),
        "promtool cannot read it: {says}"
    );
    assert!(objections.iter().all(|line| line.is_empty()), "promtool objects: {objections:#?}");
}

//! A Prometheus that scrapes a herd under load, with our rules, and answers the queries of the dashboard.

use super::{Daemon, free_address, herd_at, replaced, text};
use e2e::{Json, Signal, Site, eventually, kill};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Instant;
use verdict::test;

/// Head and body of an answer. HTTP/1.0, so that the body is not chunked.
fn get(prometheus: SocketAddr, path: &str) -> (String, String) {
    let mut stream = TcpStream::connect(prometheus).expect("Prometheus");
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {prometheus}\r\n\r\n").expect("Prometheus");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    (head.to_owned(), body.to_owned())
}

/// Asks Prometheus' API.
fn api(prometheus: SocketAddr, path: &str) -> Json {
    let (_, body) = get(prometheus, &format!("/api/v1/{path}"));
    let body: Json = body.parse().unwrap_or_else(|error| panic!("{path}: {error}"));
    assert_eq!(body["status"], "success", "{path}: {body}");
    body["data"].clone()
}

/// The samples that a query returns now.
fn query(prometheus: SocketAddr, expression: &str) -> Vec<Json> {
    let encoded = utf8_percent_encode(expression, NON_ALPHANUMERIC);
    api(prometheus, &format!("query?query={encoded}"))["result"].as_array().expect("samples").clone()
}

/// The value, if the query returns one.
fn value(prometheus: SocketAddr, expression: &str) -> Option<f64> {
    match &query(prometheus, expression)[..] {
        [one] => one["value"][1].as_str()?.parse().ok(),
        _ => None,
    }
}

/// The queries of the dashboard's panels and annotations.
fn dashboard_queries() -> Vec<String> {
    let dashboard: Json = text("grafana/herd.json").parse().expect("JSON");
    let of = |list: &Json| list.as_array().expect("a list").clone();
    let panels = of(&dashboard["panels"]).into_iter().flat_map(|panel| of(&panel["targets"]));
    panels
        .chain(of(&dashboard["annotations"]["list"]))
        .map(|asks| {
            asks["expr"]
                .as_str()
                .or(asks["target"]["expr"].as_str())
                .expect("a query")
                .replace("$instance", ".*")
        })
        .collect()
}

#[test]
fn every_query_and_every_rule_agrees_with_what_the_clients_counted() {
    let folder = tempfile::tempdir().expect("a folder");
    let (address, prometheus) = (free_address(), free_address());
    let configuration = replaced(&text("prometheus.yml"), "herd:8080", &address.to_string());
    // A test has less patience than an operator.
    let configuration = replaced(&configuration, "interval: 5s", "interval: 500ms");
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    fs::write(path("prometheus.yml"), configuration).expect("a file");
    fs::write(path("rules.yml"), text("rules.yml")).expect("a file");

    let site = Site::new().file("page.html", vec![b'x'; 5000]);
    let herd = herd_at(address, &site, &["--hand-off", "always"]);
    let arguments = [
        format!("--config.file={}", path("prometheus.yml")),
        format!("--storage.tsdb.path={}", path("data")),
        format!("--web.listen-address={prometheus}"),
    ];
    let arguments = arguments.each_ref().map(String::as_str);
    let Some(daemon) = Daemon::start(&folder, prometheus, "prometheus", &arguments) else { return };
    eventually("Prometheus is ready", || get(prometheus, "/-/ready").0.starts_with("HTTP/1.0 200"));
    let instance = format!("{{instance=\"{address}\"}}");
    // Scraped before the first request, so that the requests are an increase from 0.
    eventually("Prometheus has seen the herd", || {
        value(prometheus, &format!("http_requests_total{instance}")) == Some(0.0)
    });

    let (mut bytes, mut slowest) = (0, 0.0_f64);
    for (count, method, target, status) in
        [(210, "GET", "/page.html", 200), (60, "GET", "/nothing", 404), (30, "BREW", "/page.html", 501)]
    {
        for _ in 0..count {
            let began = Instant::now();
            bytes += herd.client().ask(method, target, &["Connection: close"]).expect(status).bytes;
            slowest = slowest.max(began.elapsed().as_secs_f64());
        }
    }
    // A response is counted when its last byte is sent, a moment after the client has it. A worker that is killed in
    // that moment has answered a request that was not counted.
    eventually("all of them are counted", || {
        herd.get("/stats").expect(200).json()["total"]["requests"] == 300
    });
    let victim = herd.workers()[0];
    kill(victim, Signal::SIGKILL).expect("a worker");
    eventually("it has a successor", || herd.workers().len() == 2 && !herd.workers().contains(&victim));

    for (expression, expected) in [
        ("http_requests_total".to_owned(), 300.0),
        ("http_responses_total{code=\"200\"}".to_owned(), 210.0),
        ("http_responses_total{code=\"404\"}".to_owned(), 60.0),
        ("http_responses_total{code=\"501\"}".to_owned(), 30.0),
        ("http_requests_bytes_sent_total".to_owned(), bytes as f64),
        ("http_request_duration_seconds_count".to_owned(), 300.0),
        ("sum(herd_worker_requests_total)".to_owned(), 300.0),
        ("sum(herd_worker_restarts_total)".to_owned(), 1.0),
        ("sum(herd_worker_up)".to_owned(), 2.0),
        ("herd_cache_hits_total + herd_cache_misses_total".to_owned(), 210.0),
    ] {
        eventually(&format!("{expression} is {expected}"), || {
            value(prometheus, &expression) == Some(expected)
        });
    }
    // Both counters began at 0 and were scraped at the same times, so whatever Prometheus extrapolates cancels out.
    eventually("one answer of ten is the server's error", || {
        value(prometheus, "instance:http_errors:ratio_rate1m").is_some_and(|share| (share - 0.1).abs() < 1e-9)
    });
    // All of them are in the last minute, and Prometheus extrapolates for the time around its scrapes.
    eventually("the rate of a minute is that of 300 requests, and a little more", || {
        value(prometheus, "instance:http_requests:rate1m * 60")
            .is_some_and(|count| (300.0..=400.0).contains(&count))
    });
    let total = herd.get("/stats").expect(200).json()["total"].clone();
    let number = |name: &str| total[name].as_f64().expect("a number");
    // A quantile is known to its bucket only. No client saw less than what the server measured.
    let bounds = total["durations"].as_array().expect("buckets").iter();
    let bound = bounds.filter_map(|bucket| bucket["up_to_seconds"].as_f64()).find(|&bound| bound >= slowest);
    for name in ["p50", "p99"] {
        let rule = format!("instance:http_request_duration_seconds:{name}_rate1m");
        let time = value(prometheus, &rule).expect("a time");
        assert!(
            time > 0.0 && time <= bound.unwrap_or(f64::MAX),
            "{name} is {time} s, the slowest {slowest} s"
        );
    }
    let hits = number("cache_hits") / (number("cache_hits") + number("cache_misses"));
    eventually("so many look-ups are hits", || {
        value(prometheus, "instance:herd_cache_hits:ratio_rate1m")
            .is_some_and(|share| (share - hits).abs() < 1e-9)
    });

    for expression in dashboard_queries() {
        eventually(&format!("the dashboard gets data for {expression}"), || {
            query(prometheus, &expression).iter().any(|sample| {
                sample["value"][1]
                    .as_str()
                    .is_some_and(|value| value != "NaN" && value.parse::<f64>().is_ok())
            })
        });
    }
    let rules = api(prometheus, "rules");
    let rules: Vec<&Json> = rules["groups"].as_array().expect("groups").iter().collect();
    let rules: Vec<&Json> =
        rules.iter().flat_map(|group| group["rules"].as_array().expect("rules")).collect();
    assert_eq!(rules.len(), 14, "all rules of the file should be there");
    for rule in &rules {
        assert_eq!(rule["health"], "ok", "{rule}");
        if rule["type"] == "recording" {
            let name = rule["name"].as_str().expect("a name");
            assert!(!query(prometheus, name).is_empty(), "{name} should have data");
        }
    }
    eventually("the alert about errors waits to be sure", || {
        !query(prometheus, "ALERTS{alertname=\"HerdErrors\", alertstate=\"pending\"}").is_empty()
    });
    drop(herd);
    eventually("the alert about a herd that is away waits to be sure", || {
        !query(prometheus, "ALERTS{alertname=\"HerdAway\", alertstate=\"pending\"}").is_empty()
    });
    assert!(!daemon.log().to_lowercase().contains("level=error"), "{}", daemon.log());
}

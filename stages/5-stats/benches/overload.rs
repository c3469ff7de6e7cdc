//! Four times more requests than the threads can serve: how long do those wait who are served, what do the others
//! hear, and does monitoring still answer?
//!
//! A request here costs 5 ms of waiting, as for a disk, and there are four threads. So the capacity is known on any
//! machine, 800 requests per second, and the load can be four times that without wearing out the processors.
//! `cargo bench -p stage5-stats --bench overload`

use e2e::Client;
use http::handler::Handler;
use http::request::Request;
use http::response::{Body, Response};
use parts::stats::SharedStats;
use program::bell::EventBell;
use program::cli::{self, Start};
use program::listening::bind;
use program::settings::Settings;
use program::stop::Stop;
use stage3_queue::door::Door;
use stage3_queue::service::Service;
use stage5_stats::observed::{Observed, Seated};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const COST: Duration = Duration::from_millis(5);
const THREADS: u64 = 4;

/// Requests per second.
const CAPACITY: u64 = THREADS * 1000 / COST.as_millis() as u64;

/// What is sent first is not counted: a queue that has only just filled up might be a burst.
const FIRST: Duration = Duration::from_millis(500);

/// Clients that send what is due. Open loop: a request is sent at its time, whatever became of those before, and its
/// latency counts from that time.
const CLIENTS: u64 = 200;

struct Slow;

impl Handler for Slow {
    fn respond(&self, _: &Request<'_>) -> Response {
        thread::sleep(COST);
        Response::new(204, Body::None)
    }
}

impl Service for Slow {}

/// A run: what is offered, and how long a request may wait.
struct Plan {
    name: &'static str,
    per_second: u64,
    delay_ms: &'static str,
}

fn main() {
    // Without `--bench`, as in `cargo test --benches`, it only shows that it works.
    let length =
        Duration::from_millis(if std::env::args().any(|word| word == "--bench") { 10_000 } else { 800 });
    let plans = [
        Plan { name: "a quarter of capacity", per_second: CAPACITY / 4, delay_ms: "200" },
        Plan { name: "4 x, no limit of waiting", per_second: CAPACITY * 4, delay_ms: "0" },
        Plan { name: "4 x, controlled delay", per_second: CAPACITY * 4, delay_ms: "200" },
    ];
    println!("capacity {CAPACITY}/s, queue of 100, {} s each; latencies in ms", length.as_secs_f32());
    println!(
        "{:26} {:>9} {:>9} {:>10} {:>10} {:>10} {:>12} {:>12}",
        "", "served/s", "refused/s", "served p50", "served p99", "refused p99", "/health p99", "/health max"
    );
    for plan in plans {
        run(&plan, length);
    }
}

fn run(plan: &Plan, length: Duration) {
    let stats = Arc::new(SharedStats::new(1).expect("a mapping"));
    let listener = bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a free port");
    let address = listener.local_addr().expect("a socket that is bound");
    let stop: &'static Stop = Box::leak(Box::new(Stop::new(EventBell::new().expect("a descriptor"))));
    let settings = settings(plan.delay_ms);
    let service = Arc::new(Observed::new(Slow, Seated::take(stats, 0, 0), &settings));
    let server = thread::spawn(move || {
        stage3_queue::serve(Door::new(listener.into()), service, &settings, stop, || {})
    });

    let start = Instant::now();
    let sent = AtomicU64::new(0);
    let (answers, watched) = thread::scope(|scope| {
        let client = || client(address, plan.per_second, start, length, &sent);
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(client)).collect();
        let watcher = scope.spawn(|| watch(address, start, length));
        let answers =
            clients.into_iter().flat_map(|client| client.join().expect("a client")).collect::<Vec<_>>();
        (answers, watcher.join().expect("a watcher"))
    });
    stop.request();
    server.join().expect("a server").expect("a server that stops");

    let of = |wanted: u16| {
        let times = answers.iter().filter(|(status, _)| *status == wanted);
        times.map(|(_, time)| *time).collect::<Vec<_>>()
    };
    let (served, refused) = (of(204), of(503));
    assert_eq!(served.len() + refused.len(), answers.len(), "every answer is a 204 or a 503");
    println!(
        "{:26} {:>9.0} {:>9.0} {:>10.1} {:>10.1} {:>11.1} {:>12.1} {:>12.1}",
        plan.name,
        served.len() as f64 / (length - FIRST).as_secs_f64(),
        refused.len() as f64 / (length - FIRST).as_secs_f64(),
        percentile(served.clone(), 50),
        percentile(served, 99),
        percentile(refused, 99),
        percentile(watched.clone(), 99),
        percentile(watched, 100),
    );
}

fn settings(delay_ms: &str) -> Settings {
    let arguments = ["stage5", "--threads-per-worker", &THREADS.to_string(), "--queue-delay-ms", delay_ms]
        .map(Into::into);
    match cli::parse("stage5", "", arguments, |_| None, |path| std::fs::read_to_string(path)) {
        Ok(Start::Serve(settings)) => settings,
        other => panic!("settings, not {other:?}"),
    }
}

/// Sends the requests that are due and that no other client has sent. Statuses, and times from when a request was due
/// to its whole answer.
fn client(
    address: SocketAddr,
    per_second: u64,
    start: Instant,
    length: Duration,
    sent: &AtomicU64,
) -> Vec<(u16, Duration)> {
    let mut connection = Client::connect(address);
    let mut answers = Vec::new();
    loop {
        let number = sent.fetch_add(1, Ordering::Relaxed);
        let due = start + Duration::from_micros(number * 1_000_000 / per_second);
        if due >= start + length {
            return answers;
        }
        thread::sleep(due.saturating_duration_since(Instant::now()));
        let response = connection.get("/");
        if due > start + FIRST {
            answers.push((response.status, due.elapsed()));
        }
        if response.header("Connection") == Some("close") {
            connection = Client::connect(address);
        }
    }
}

/// Asks for `/health` every 10 ms.
fn watch(address: SocketAddr, start: Instant, length: Duration) -> Vec<Duration> {
    let mut connection = Client::connect(address);
    let mut times = Vec::new();
    while start.elapsed() < length {
        let asked = Instant::now();
        connection.get("/health").expect(200);
        times.push(asked.elapsed());
        thread::sleep(Duration::from_millis(10));
    }
    times
}

/// In milliseconds.
fn percentile(mut times: Vec<Duration>, percent: usize) -> f64 {
    times.sort();
    let at = (times.len() * percent / 100).min(times.len().saturating_sub(1));
    times.get(at).map_or(0.0, |time| time.as_secs_f64() * 1000.0)
}

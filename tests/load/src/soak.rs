//! A soak: clients do everything that clients do, for a long time, while everything that may happen to the server
//! happens.
//!
//! ```text
//!   clients      keep-alive, close, HEAD, ranges, large files, downloads given up, pipelines, garbage
//!   somebody     changes files, and makes them vanish and come back
//!   fate         kills a worker (SIGKILL), or has all of them replaced (SIGHUP)
//! ```
//!
//! Then the counts are compared. A request may be lost only on a connection that a killed worker had accepted: fate
//! halts its victim first, and records its connections. A client may also find a kept connection closed, and asks again
//! (RFC 9112, section 9.3.1). Everything else is a failure.

use e2e::{
    Client, Ending, Lost, Pid, Response, Server, Signal, Site, accepted, eventually, halt, kill, pattern,
};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// How much should happen.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Clients at the same time.
    pub clients: u64,
    /// What each of them does, one thing after the other.
    pub actions: u64,
    /// Workers that are killed.
    pub deaths: u64,
    /// Times that all workers are replaced.
    pub rolls: u64,
    /// The same seed makes the same plans for clients.
    pub seed: u64,
}

/// What the clients have counted.
#[derive(Debug, Default, Clone)]
pub struct Tally {
    /// Responses, by status.
    pub answered: BTreeMap<u16, u64>,
    /// Downloads that clients gave up.
    pub given_up: u64,
    /// Requests lost with a killed worker.
    pub lost_with_a_worker: u64,
    /// Connections of workers that were killed.
    pub victims: u64,
    /// Requests on a kept connection that had just been closed, asked again.
    pub asked_again: u64,
    /// What should not have happened.
    pub failures: Vec<String>,
}

impl Tally {
    /// All responses.
    pub fn responses(&self) -> u64 {
        self.answered.values().sum()
    }

    /// Adds another tally.
    pub fn add(&mut self, other: Tally) {
        for (status, count) in other.answered {
            *self.answered.entry(status).or_default() += count;
        }
        self.given_up += other.given_up;
        self.lost_with_a_worker += other.lost_with_a_worker;
        self.victims += other.victims;
        self.asked_again += other.asked_again;
        self.failures.extend(other.failures);
    }
}

const STATIC: &str = "static.bin";
const LARGE: &str = "large.bin";
/// Always there, in one state or the next.
const CHANGING: &str = "changing.txt";
/// Sometimes missing.
const VANISHING: &str = "vanishing.txt";
/// Larger than what the kernel buffers for a client that does not read.
const LARGE_SIZE: usize = 8 << 20;
const STATIC_SIZE: usize = 40_000;

/// The files that a soak asks for.
pub fn site() -> Site {
    let site = Site::new().file(STATIC, pattern(STATIC_SIZE)).file(LARGE, pattern(LARGE_SIZE));
    site.file(CHANGING, generation(0)).file(VANISHING, generation(0))
}

/// A state of a file that changes: a mixture of two states contains two numbers.
fn generation(number: u64) -> String {
    format!("{number:012}\n").repeat(1 + number as usize % 700)
}

/// Lets everything happen to a server that serves [`site`].
///
/// # Panics
/// If the server cannot be reached any more.
pub fn soak(server: &Server, site: &Site, plan: Plan) -> Tally {
    let (done, over) = (AtomicU64::new(0), AtomicBool::new(false));
    let victims = Mutex::new(BTreeSet::new());
    let tallies: Vec<Tally> = thread::scope(|scope| {
        let clients: Vec<_> = (0..plan.clients)
            .map(|number| {
                let (done, victims) = (&done, &victims);
                scope.spawn(move || {
                    let mut visitor = Visitor {
                        server,
                        victims,
                        random: Random(plan.seed.wrapping_mul(1000).wrapping_add(number) | 1),
                        tally: Tally::default(),
                    };
                    for _ in 0..plan.actions {
                        visitor.act();
                        done.fetch_add(1, Ordering::Relaxed);
                    }
                    visitor.tally
                })
            })
            .collect();
        scope.spawn(|| {
            for number in 1.. {
                if over.load(Ordering::Relaxed) {
                    break;
                }
                site.replace(CHANGING, generation(number));
                if number % 2 == 0 {
                    site.replace(VANISHING, generation(number));
                } else {
                    let _ = fs::remove_file(site.path(VANISHING));
                }
                thread::yield_now();
            }
        });
        let fate = scope.spawn(|| fate(server, plan, &done, &victims));
        let tallies =
            clients.into_iter().map(|client| client.join().expect("a client does not panic")).collect();
        fate.join().expect("fate does not panic");
        over.store(true, Ordering::Relaxed);
        tallies
    });
    let victims = victims.into_inner().unwrap_or_else(PoisonError::into_inner).len() as u64;
    let mut all = Tally { victims, ..Tally::default() };
    tallies.into_iter().for_each(|tally| all.add(tally));
    all
}

/// Causes deaths and rolls, spread evenly over the work.
fn fate(server: &Server, plan: Plan, done: &AtomicU64, victims: &Mutex<BTreeSet<u16>>) {
    let (blows, work) = (plan.deaths + plan.rolls, plan.clients * plan.actions);
    let mut random = Random(plan.seed | 1);
    let mut deaths = plan.deaths;
    for blow in 1..=blows {
        let due = work * blow / (blows + 1);
        let mut seen = done.load(Ordering::Relaxed);
        while seen < due {
            eventually("the clients go on", || done.load(Ordering::Relaxed) > seen);
            seen = done.load(Ordering::Relaxed);
        }
        // There may be no worker for a moment, until the next one is forked.
        let workers = server.workers();
        if deaths > 0 && !workers.is_empty() && (random.below(2) == 0 || blows - blow < deaths) {
            deaths -= 1;
            murder(server, workers[random.below(workers.len() as u64) as usize], victims);
        } else {
            server.signal(Signal::SIGHUP);
        }
    }
}

/// Kills a worker, and records the connections that die with it.
fn murder(server: &Server, victim: Pid, victims: &Mutex<BTreeSet<u16>>) {
    halt(victim);
    let ports = accepted(server.address(), victim);
    victims.lock().unwrap_or_else(PoisonError::into_inner).extend(ports);
    kill(victim, Signal::SIGKILL).expect("a worker to kill");
}

/// The state of a herd without clients, to compare with later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rest {
    workers: usize,
    descriptors: Vec<usize>,
}

/// Waits until every slot has one worker and every connection is gone, and records the state.
///
/// # Panics
/// If a slot stays empty, or a connection is never forgotten.
pub fn at_rest(server: &Server) -> Rest {
    eventually("every slot has one worker, and nobody leaves any more", || {
        // Clients do not notice an empty slot: the other workers serve them.
        let stats = server.get("/stats").expect(200).json();
        stats["workers"].as_array().map(Vec::len) == Some(server.workers().len())
    });
    eventually("all connections are forgotten", || {
        let stats = server.get("/stats").expect(200).json();
        // The connection that asks counts too.
        stats["total"]["connections_active"] == 1 && stats["total"]["threads_busy"] == 0
    });
    eventually("the connection that asked is closed", || {
        server.workers().into_iter().all(|worker| accepted(server.address(), worker).is_empty())
    });
    let open = |pid: &Pid| fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count);
    let workers = server.workers();
    Rest { workers: workers.len(), descriptors: workers.iter().map(open).collect() }
}

/// Compares what the server has counted with what its clients have: `None` if they agree.
pub fn disagreement(server: &Server, tally: &Tally) -> Option<String> {
    let stats = server.get("/stats").expect(200).json();
    let counted = stats["total"]["requests"].as_u64().unwrap_or(0);
    // A worker may have been killed after it sent a last byte and before it counted that, and it may have counted a
    // response that was then lost. A download that was given up may not even have begun.
    let least = tally.responses().saturating_sub(tally.victims);
    let most = tally.responses() + tally.lost_with_a_worker + tally.given_up + tally.asked_again;
    let agrees = (least..=most).contains(&counted);
    (!agrees).then(|| format!("the server has counted {counted} requests, and its clients {least} to {most}"))
}

/// A client and what it has seen.
struct Visitor<'s> {
    server: &'s Server,
    victims: &'s Mutex<BTreeSet<u16>>,
    random: Random,
    tally: Tally,
}

impl Visitor<'_> {
    fn act(&mut self) {
        match self.random.below(20) {
            0..8 => self.keep_alive(),
            8..11 => {
                let mut client = self.server.client();
                self.get(&mut client, &["Connection: close"], true);
            }
            11..13 => self.head_and_ranges(),
            13 => self.large(),
            14..16 => self.give_up(),
            16..19 => self.pipeline(),
            _ => self.garbage(),
        }
    }

    fn keep_alive(&mut self) {
        let mut client = self.server.client();
        for number in 0..self.random.below(20) + 1 {
            if !self.get(&mut client, &[], number == 0) {
                return;
            }
        }
    }

    /// Asks for a file. Returns whether the connection can be used again.
    fn get(&mut self, client: &mut Client, headers: &[&str], is_first: bool) -> bool {
        let name = [STATIC, CHANGING, VANISHING, ""][self.random.below(4) as usize];
        let result = client.try_ask("GET", &format!("/{name}"), headers);
        let Some(response) = self.received(client, result, is_first) else { return false };
        let text = String::from_utf8_lossy(&response.body);
        let fine = match (name, response.status) {
            (STATIC, 200) => response.body == pattern(STATIC_SIZE),
            ("", 200) => text == "home\n",
            (CHANGING | VANISHING, 200) => {
                let number = text.lines().next().and_then(|line| line.parse().ok());
                number.is_some_and(|number| text == generation(number))
            }
            (VANISHING, 404) => true,
            _ => false,
        };
        self.demand(fine, || format!("GET /{name}: {} with {} bytes", response.status, response.body.len()));
        response.header("connection") != Some("close")
    }

    fn head_and_ranges(&mut self) {
        let mut client = self.server.client();
        let head = client.try_ask("HEAD", "/static.bin", &[]);
        let Some(head) = self.received(&client, head, true) else { return };
        let fine = head.status == 200 && head.content_length() == Some(STATIC_SIZE);
        self.demand(fine, || format!("HEAD: {}", head.status));
        if head.header("connection") == Some("close") {
            return;
        }
        let first = self.random.below(STATIC_SIZE as u64 - 1) as usize;
        let last = first + self.random.below((STATIC_SIZE - first) as u64) as usize;
        let part = client.try_ask("GET", "/static.bin", &[&format!("Range: bytes={first}-{last}")]);
        let Some(part) = self.received(&client, part, false) else { return };
        let fine = part.status == 206 && part.body == pattern(STATIC_SIZE)[first..=last];
        self.demand(fine, || format!("bytes {first}-{last}: {} with {} bytes", part.status, part.body.len()));
    }

    fn large(&mut self) {
        let mut client = self.server.client();
        let result = client.try_ask("GET", "/large.bin", &["Connection: close"]);
        let Some(response) = self.received(&client, result, true) else { return };
        let fine = response.status == 200 && response.body == pattern(LARGE_SIZE);
        self.demand(fine, || {
            format!("GET /large.bin: {} with {} bytes", response.status, response.body.len())
        });
    }

    /// Begins a download, and closes the connection.
    fn give_up(&mut self) {
        let mut client = self.server.client();
        client.send("GET /large.bin HTTP/1.1\r\nHost: localhost\r\n\r\n");
        if self.random.below(2) == 0 {
            client.take(1000);
        }
        self.tally.given_up += 1;
    }

    fn pipeline(&mut self) {
        let mut client = self.server.client();
        let count = self.random.below(8) + 2;
        client.send("GET /static.bin HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(count as usize));
        for number in 0..count {
            let result = client.try_response();
            let Some(response) = self.received(&client, result, number == 0) else { return };
            self.demand(response.body == pattern(STATIC_SIZE), || format!("number {number} of a pipeline"));
            if response.header("connection") == Some("close") {
                // Requests after the last answer get none.
                return;
            }
        }
    }

    fn garbage(&mut self) {
        let mut client = self.server.client();
        let bytes: Vec<u8> = (0..50).map(|_| self.random.below(256) as u8).collect();
        client.send([b"GET /", &bytes[..], b"\r\n\r\n"].concat());
        client.finish_sending();
        let result = client.try_response();
        // Bytes that happen to be the beginning of a request get no answer, because the rest never comes.
        if matches!(result, Err(Lost::Ended(Ending::Closed, 0))) {
            return;
        }
        if let Some(response) = self.received(&client, result, true) {
            self.demand(matches!(response.status, 400 | 505), || format!("garbage: {}", response.status));
        }
    }

    /// Counts the result of a request. Returns the response, if there is one.
    fn received(
        &mut self,
        client: &Client,
        result: Result<Response, Lost>,
        is_first: bool,
    ) -> Option<Response> {
        match result {
            Ok(response) => {
                *self.tally.answered.entry(response.status).or_default() += 1;
                Some(response)
            }
            Err(lost) => {
                let port = client.local_address().port();
                if self.victims.lock().unwrap_or_else(PoisonError::into_inner).contains(&port) {
                    self.tally.lost_with_a_worker += 1;
                } else if !is_first && matches!(lost, Lost::Ended(_, 0)) {
                    self.tally.asked_again += 1;
                } else {
                    self.tally.failures.push(format!("a request was lost: {lost}"));
                }
                None
            }
        }
    }

    fn demand(&mut self, fine: bool, what: impl FnOnce() -> String) {
        if !fine {
            self.tally.failures.push(what());
        }
    }
}

/// xorshift64 (Marsaglia 2003): good enough to mix requests.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

//! What it costs to acquire a permit for each connection, compared with two other ways to enforce a limit.
//!
//! - `ConnectionLimit`: a number behind a mutex, and a condition variable to sleep on;
//! - `channel of tokens`: `sync_channel` with the limit as its capacity; a permit is a place in it;
//! - `spinning atomic`: an atomic number, tried again and again at the limit, with `yield_now` in between.
//!
//! First with as many permits as threads, so that no thread ever waits; then with one permit for all, so that all but
//! one wait. On a machine with fewer processors than threads, the spinner looks better than it is: here no other thread
//! needs the time that it wastes. In a server, others do.

use std::hint::black_box;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use std::sync::mpsc::sync_channel;
use std::sync::{Barrier, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use parts::threads::ConnectionLimit;

const THREADS: [usize; 3] = [1, 2, 4];

fn nobody_waits(criterion: &mut Criterion) {
    for_each_number_of_threads(criterion, "nobody waits", |threads| threads);
}

fn everybody_waits(criterion: &mut Criterion) {
    for_each_number_of_threads(criterion, "one permit for all", |_| 1);
}

fn for_each_number_of_threads(criterion: &mut Criterion, name: &str, limit_for: impl Fn(usize) -> usize) {
    let mut group = criterion.benchmark_group(name);
    for threads in THREADS {
        let limit = limit_for(threads);
        group.throughput(Throughput::Elements(threads as u64));
        let mut compare = |way: &str, serve: &(dyn Fn() + Sync)| {
            group.bench_function(BenchmarkId::new(way, threads), |bencher| {
                bencher.iter_custom(|times| measure(threads, times, serve));
            });
        };
        let ours = ConnectionLimit::new(limit);
        compare("ConnectionLimit", &|| drop(black_box(ours.acquire())));

        let (take, give) = sync_channel(limit);
        let give = Mutex::new(give);
        compare("channel of tokens", &|| {
            take.send(()).expect("the receiver is here");
            give.lock().expect("nobody panics").recv().expect("a token was sent");
        });

        let active = AtomicUsize::new(0);
        let one_more = |active| (active < limit).then_some(active + 1);
        compare("spinning atomic", &|| {
            while active.fetch_update(Acquire, Relaxed, one_more).is_err() {
                thread::yield_now();
            }
            active.fetch_sub(1, AcqRel);
        });
    }
}

/// The time until each of `threads` threads has held a permit `times` times.
fn measure(threads: usize, times: u64, serve: &(dyn Fn() + Sync)) -> Duration {
    let start_line = Barrier::new(threads + 1);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                start_line.wait();
                (0..times).for_each(|_| serve());
                start_line.wait();
            });
        }
        start_line.wait();
        let start = Instant::now();
        start_line.wait();
        start.elapsed()
    })
}

/// A server that stops calls this once, and usually no connection is left.
fn nobody_left(criterion: &mut Criterion) {
    let limit = ConnectionLimit::new(4);
    criterion.bench_function("drain/nobody is left", |bencher| bencher.iter(|| limit.drain()));
}

criterion_group!(benches, nobody_waits, everybody_waits, nobody_left);
criterion_main!(benches);

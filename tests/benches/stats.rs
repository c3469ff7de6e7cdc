//! What it costs to count a response, three ways, with 1, 2 and 4 threads that count at once:
//!
//! - `semaphore`: plain numbers behind the process-shared semaphore;
//! - `one atomic`: all threads add to the same atomic number;
//! - `padded slots`: each thread adds to an atomic number on a cache line of its own.
//!
//! And what the real `Slot::record` costs, on one shared slot and on a slot per thread. On a machine with fewer
//! processors than threads, the threads take turns, and contention shows less than it would.

use std::hint::black_box;
use std::sync::Barrier;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use parts::stats::{MAX_SLOTS, Response, SharedSemaphore, SharedStats};

const THREADS: [usize; 3] = [1, 2, 4];

/// The time until each of `threads` threads has counted `times` times.
fn measure(threads: usize, times: u64, count: impl Fn(usize) + Sync) -> Duration {
    let start_line = Barrier::new(threads + 1);
    thread::scope(|scope| {
        for thread in 0..threads {
            let (start_line, count) = (&start_line, &count);
            scope.spawn(move || {
                start_line.wait();
                (0..times).for_each(|_| count(thread));
                start_line.wait();
            });
        }
        start_line.wait();
        let start = Instant::now();
        start_line.wait();
        start.elapsed()
    })
}

/// An atomic number with a cache line, and its neighbour, to itself.
#[derive(Default)]
#[repr(align(128))]
struct Padded(AtomicU64);

fn counting(criterion: &mut Criterion) {
    let semaphore = SharedSemaphore::new();
    let behind = AtomicU64::new(0);
    let one = AtomicU64::new(0);
    let padded: [Padded; 4] = Default::default();
    let pid = std::process::id();

    let mut group = criterion.benchmark_group("count");
    for threads in THREADS {
        group.throughput(Throughput::Elements(threads as u64));
        let mut compare = |way: &str, count: &(dyn Fn(usize) + Sync)| {
            group.bench_function(BenchmarkId::new(way, threads), |bencher| {
                bencher.iter_custom(|times| measure(threads, times, count));
            });
        };
        compare("semaphore", &|_| {
            let held = semaphore.acquire(pid);
            // A plain addition, because the semaphore already excludes every other thread.
            behind.store(behind.load(Relaxed) + 1, Relaxed);
            drop(held);
        });
        compare("one atomic", &|_| {
            one.fetch_add(1, Relaxed);
        });
        compare("padded slots", &|thread| {
            padded[thread].0.fetch_add(1, Relaxed);
        });
    }
}

fn recording(criterion: &mut Criterion) {
    let stats = SharedStats::new(4).expect("statistics can be mapped");
    let response = Response { status: 200, bytes: 1234, duration: Duration::from_micros(700) };

    let mut group = criterion.benchmark_group("record");
    for threads in THREADS {
        group.throughput(Throughput::Elements(threads as u64));
        group.bench_function(BenchmarkId::new("one slot", threads), |bencher| {
            bencher
                .iter_custom(|times| measure(threads, times, |_| stats.slot(0).record(black_box(&response))));
        });
        group.bench_function(BenchmarkId::new("a slot each", threads), |bencher| {
            bencher.iter_custom(|times| {
                measure(threads, times, |thread| stats.slot(thread).record(black_box(&response)))
            });
        });
    }
}

fn reading(criterion: &mut Criterion) {
    let stats = SharedStats::new(MAX_SLOTS).expect("statistics can be mapped");
    let pid = std::process::id();
    criterion.bench_function("read/snapshot of all slots", |bencher| bencher.iter(|| stats.snapshot()));
    criterion.bench_function("read/scrape of all slots", |bencher| bencher.iter(|| stats.scrape(pid)));
}

criterion_group!(benches, counting, recording, reading);
criterion_main!(benches);

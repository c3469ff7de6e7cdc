//! What it costs to hand an item from one thread to another, compared with the channel of the standard library.
//!
//! A queue of 100, as in the server, between 1, 2 and 4 producers and as many consumers. `sync_channel` has one
//! receiver; several consumers must share it behind a mutex, and sleep while they hold that mutex.

use std::hint::black_box;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use parts::queue::BoundedQueue;

const CAPACITY: usize = 100;

fn hand_off(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("hand-off");
    group.throughput(Throughput::Elements(1));
    for pairs in [1, 2, 4] {
        let parameter = format!("{pairs}x{pairs}");
        group.bench_function(BenchmarkId::new("BoundedQueue", &parameter), |bencher| {
            bencher.iter_custom(|items| through_our_queue(pairs, items));
        });
        group.bench_function(BenchmarkId::new("sync_channel (control)", &parameter), |bencher| {
            bencher.iter_custom(|items| through_a_channel(pairs, items));
        });
    }
    group.finish();
}

/// How long `items` items take, from the first start of a thread to the last end.
fn through_our_queue(pairs: u64, items: u64) -> Duration {
    let queue = Arc::new(BoundedQueue::new(CAPACITY));
    let start = Instant::now();
    let consumers: Vec<_> = (0..pairs)
        .map(|_| {
            let queue = queue.clone();
            thread::spawn(move || while black_box(queue.dequeue()).is_some() {})
        })
        .collect();
    let producers: Vec<_> = (0..pairs)
        .map(|producer| {
            let queue = queue.clone();
            thread::spawn(move || share(items, pairs, producer).for_each(|item| queue.enqueue(item).unwrap()))
        })
        .collect();
    producers.into_iter().for_each(|thread| thread.join().unwrap());
    queue.shutdown();
    consumers.into_iter().for_each(|thread| thread.join().unwrap());
    start.elapsed()
}

fn through_a_channel(pairs: u64, items: u64) -> Duration {
    let (sender, receiver) = sync_channel(CAPACITY);
    let receiver = Arc::new(Mutex::new(receiver));
    let start = Instant::now();
    let consumers: Vec<_> = (0..pairs)
        .map(|_| {
            let receiver = receiver.clone();
            thread::spawn(move || {
                // A statement of its own, so that the mutex is unlocked before the item is used.
                let receive = || receiver.lock().unwrap().recv();
                while black_box(receive()).is_ok() {}
            })
        })
        .collect();
    let producers: Vec<_> = (0..pairs)
        .map(|producer| {
            let sender = sender.clone();
            thread::spawn(move || share(items, pairs, producer).for_each(|item| sender.send(item).unwrap()))
        })
        .collect();
    drop(sender);
    producers.into_iter().for_each(|thread| thread.join().unwrap());
    consumers.into_iter().for_each(|thread| thread.join().unwrap());
    start.elapsed()
}

/// The items of one of `producers` producers, so that together they make `items`.
fn share(items: u64, producers: u64, producer: u64) -> impl Iterator<Item = u64> {
    (producer..items).step_by(producers as usize)
}

criterion_group!(benches, hand_off);
criterion_main!(benches);

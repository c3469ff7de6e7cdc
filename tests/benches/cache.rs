//! What a hit costs when many threads hit at once: under the read lock, as in our cache, against a cache that keeps its
//! entries in a list in the order of use, so that every hit moves an entry and needs the write lock.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use parts::cache::{Cache, Weigh};
use std::collections::HashMap;
use std::convert::Infallible;
use std::hint::black_box;
use std::sync::{Arc, RwLock};
use std::thread;
use std::time::{Duration, Instant};

const KEYS: usize = 64;

struct Body([u8; 1024]);

impl Weigh for Body {
    fn weight(&self) -> usize {
        self.0.len()
    }
}

/// The classic: a doubly linked list in a vector, whose links every hit changes.
struct Listed {
    places: HashMap<String, usize>,
    links: Vec<Link>,
    newest: usize,
}

struct Link {
    value: Arc<Body>,
    older: usize,
    newer: usize,
}

impl Listed {
    fn new(keys: &[String]) -> Listed {
        let count = keys.len();
        let link = |at: usize| Link {
            value: Arc::new(Body([0; 1024])),
            older: (at + count - 1) % count,
            newer: (at + 1) % count,
        };
        Listed {
            places: keys.iter().cloned().zip(0..).collect(),
            links: (0..count).map(link).collect(),
            newest: count - 1,
        }
    }

    fn hit(&mut self, key: &str) -> Arc<Body> {
        let at = self.places[key];
        if at != self.newest {
            let (older, newer) = (self.links[at].older, self.links[at].newer);
            self.links[older].newer = newer;
            self.links[newer].older = older;
            let (first, oldest) = (self.newest, self.links[self.newest].newer);
            self.links[at].older = first;
            self.links[at].newer = oldest;
            self.links[first].newer = at;
            self.links[oldest].older = at;
            self.newest = at;
        }
        self.links[at].value.clone()
    }
}

/// The time for `hits` hits in each of `threads` threads, all at once.
fn race(threads: usize, hits: u64, keys: &[String], hit: impl Fn(&str) -> Arc<Body> + Sync) -> Duration {
    let start = Instant::now();
    thread::scope(|scope| {
        for thread in 0..threads {
            let hit = &hit;
            scope.spawn(move || {
                for round in 0..hits as usize {
                    black_box(hit(&keys[(round * 7 + thread * 11) % KEYS]));
                }
            });
        }
    });
    start.elapsed()
}

fn hits(criterion: &mut Criterion) {
    let keys: Vec<String> = (0..KEYS).map(|number| format!("pages/{number}.html")).collect();
    let cache = Cache::new(1 << 20);
    for key in &keys {
        let Ok(_) = cache.get_or_load(key, || Ok::<_, Infallible>(Body([0; 1024])));
    }
    let listed = RwLock::new(Listed::new(&keys));

    let mut group = criterion.benchmark_group("a hit per thread");
    group.throughput(Throughput::Elements(1));
    for threads in [1, 2, 4, 8] {
        group.bench_function(BenchmarkId::new("read lock", threads), |bencher| {
            bencher.iter_custom(|hits| race(threads, hits, &keys, |key| cache.get(key).expect("it fits")));
        });
        group.bench_function(BenchmarkId::new("write lock", threads), |bencher| {
            bencher.iter_custom(|hits| {
                race(threads, hits, &keys, |key| listed.write().expect("nobody panics").hit(key))
            });
        });
    }
    group.finish();
}

criterion_group!(benches, hits);
criterion_main!(benches);

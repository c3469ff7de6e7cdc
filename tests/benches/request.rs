//! What the server does for every request before a handler sees it, and what it costs to find a file.
//!
//! The two heads are the extremes: what a load generator sends, and what a browser sends.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use parts::request::{DocumentRoot, Target, parse_head};
use std::hint::black_box;

/// As wrk sends it.
const SHORT: &[u8] = b"GET /small.html HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n";

/// As a browser sends it.
const LONG: &[u8] = b"GET /guide/getting-started.html?from=search HTTP/1.1\r\n\
    Host: www.example.org\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n\
    Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n\
    Accept-Language: en-US,en;q=0.5\r\n\
    Accept-Encoding: gzip, deflate, br, zstd\r\n\
    Referer: https://www.example.org/\r\n\
    Connection: keep-alive\r\n\
    Upgrade-Insecure-Requests: 1\r\n\
    Sec-Fetch-Dest: document\r\n\
    Sec-Fetch-Mode: navigate\r\n\
    Sec-Fetch-Site: same-origin\r\n\
    If-None-Match: \"fe01-2d3a4-1a2b-6740f1e2.1b2c3d\"\r\n\
    Priority: u=0, i\r\n\r\n";

fn heads(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("parse_head");
    for (name, bytes) in [("short", SHORT), ("browser", LONG)] {
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| parse_head(black_box(bytes)).map(|head| head.is_some()))
        });
    }
    group.finish();
}

fn targets(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("target");
    for (name, target) in
        [("plain", "/guide/page.html"), ("tricky", "/a/../guide/%70age%2ehtml?from=search&x=%20")]
    {
        group
            .bench_function(name, |bencher| bencher.iter(|| Target::parse("GET", black_box(target)).is_ok()));
    }
    group.finish();
}

fn files(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::create_dir(folder.path().join("guide")).expect("a folder");
    std::fs::write(folder.path().join("guide/page.html"), "page").expect("a file");
    let root = DocumentRoot::open(folder.path()).expect("a document root");
    let Ok(Target::Path(path)) = Target::parse("GET", "/guide/page.html") else { panic!("a good target") };
    let mut group = criterion.benchmark_group("document_root");
    group.bench_function("find", |bencher| bencher.iter(|| root.find(black_box(&path)).is_ok()));
    group.bench_function("identify_from_memory", |bencher| {
        bencher.iter(|| root.identify_from_memory(black_box(&path)).is_some());
    });
    group.finish();
}

criterion_group!(benches, heads, targets, files);
criterion_main!(benches);

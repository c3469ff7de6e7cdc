//! What it costs a master to decide, with the most workers that a herd may have: 64.
//!
//! A master only decides and waits, so these numbers say how fast it can react on a machine on which every worker dies.
//! For comparison: fork(2) takes about 100 microseconds.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use parts::prefork::{Action, Event, Exit, HEALTHY_AFTER, Mailbox, Notice, Pid, Policy, Supervisor};

const SLOTS: usize = 64;
const GRACE: Duration = Duration::from_secs(30);

/// A herd of workers that serve, numbered from 1 in the order of their slots, and healthy at the time that is
/// returned with it.
fn serving() -> (Supervisor, Instant) {
    let now = Instant::now();
    let mut supervisor =
        Supervisor::new(Policy { slots: SLOTS, grace: GRACE, drain: GRACE, ready_within: GRACE });
    let mut next = 0;
    for action in supervisor.handle(now, Event::Start) {
        if let Action::Spawn { slot, seat } = action {
            next += 1;
            let pid = Pid::from_raw(next);
            supervisor.handle(now, Event::Spawned { slot, seat, pid });
            supervisor.handle(now, Event::Ready { pid });
        }
    }
    (supervisor, now + HEALTHY_AFTER)
}

fn deciding(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("handle");
    group.bench_function("a tick, nothing is due", |bencher| {
        let (mut supervisor, now) = serving();
        bencher.iter(|| supervisor.handle(black_box(now), Event::Tick));
    });
    group.bench_function("a death, in the last slot", |bencher| {
        let last = Pid::from_raw(SLOTS as i32);
        let death = Event::Exited { pid: last, how: Exit::Signal(9) };
        let herd = || serving();
        let die = |(mut supervisor, now): (Supervisor, Instant)| {
            let actions = supervisor.handle(now, black_box(death));
            (supervisor, actions)
        };
        bencher.iter_batched(herd, die, BatchSize::SmallInput);
    });
    group.bench_function("a stop, for everybody", |bencher| {
        let stop = |(mut supervisor, now): (Supervisor, Instant)| {
            let actions = supervisor.handle(now, black_box(Event::Stop));
            (supervisor, actions)
        };
        bencher.iter_batched(serving, stop, BatchSize::SmallInput);
    });
    group.finish();
}

fn sleeping(criterion: &mut Criterion) {
    let (supervisor, _) = serving();
    criterion.bench_function("deadline of 64 slots", |bencher| bencher.iter(|| supervisor.deadline()));
}

fn noticing(criterion: &mut Criterion) {
    let mailbox = Mailbox::new();
    criterion.bench_function("note and take", |bencher| {
        bencher.iter(|| {
            mailbox.note(black_box(Notice::ChildExited));
            mailbox.take()
        });
    });
}

criterion_group!(benches, deciding, sleeping, noticing);
criterion_main!(benches);

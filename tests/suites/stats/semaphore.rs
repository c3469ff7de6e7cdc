//! What the semaphore promises between processes, and when processes are killed.

use std::mem;
use std::panic::{catch_unwind, resume_unwind};
use std::time::Duration;

use stats::{Acquired, SharedStats, Slot};

use super::processes::{Child, alone, eventually, holder, kill_and_settle, own_pid, shared};
use verdict::test;

/// Long enough to see that a semaphore stays taken, short enough to use often.
const A_MOMENT: Duration = Duration::from_millis(20);

#[test]
fn a_semaphore_has_one_holder_among_all_processes() {
    alone(|| {
        let stats = shared(1);
        let held = stats.semaphore().acquire(own_pid());
        Child::fork(|| {
            let got = stats.semaphore().acquire_within(own_pid(), A_MOMENT);
            assert!(got.is_none(), "the parent holds the semaphore, yet its child got it");
        })
        .join("a bounded acquire gives up while another process holds the semaphore");
        drop(held);
        Child::fork(|| {
            let got = stats.semaphore().acquire_within(own_pid(), A_MOMENT);
            let got = got.expect("the parent has released the semaphore, yet its child did not get it");
            assert!(!got.owner_died, "the owner released the semaphore; it did not die");
        })
        .join("a released semaphore can be acquired by another process");
    });
}

#[test]
fn a_release_wakes_a_sleeping_process() {
    alone(|| {
        let stats = shared(1);
        let held = stats.semaphore().acquire(own_pid());
        let sleeper = Child::fork(|| drop(stats.semaphore().acquire(own_pid())));
        sleeper.wait_until_asleep(
            "a process that waits for the semaphore sleeps in the kernel (FUTEX_WAIT); it does not spin",
        );
        sleeper.stays_asleep(
            "a process that waits for the semaphore sleeps until it is woken; this one wakes up again and again to look",
        );
        drop(held);
        sleeper.join("a release wakes a process that sleeps: FUTEX_WAKE, and without FUTEX_PRIVATE_FLAG");
    });
}

#[test]
fn a_bounded_acquire_sleeps_until_the_release_if_it_comes_in_time() {
    alone(|| {
        let stats = shared(1);
        let held = stats.semaphore().acquire(own_pid());
        let sleeper = Child::fork(|| {
            let got = stats.semaphore().acquire_within(own_pid(), Duration::from_secs(3600));
            assert!(got.is_some(), "the semaphore was released long before an hour was over");
        });
        sleeper.wait_until_asleep(
            "a process that waits for the semaphore, for an hour at most, sleeps in the kernel",
        );
        sleeper.stays_asleep(
            "a process that waits for the semaphore, for an hour at most, sleeps until it is woken; this one wakes up \
             again and again to look",
        );
        drop(held);
        sleeper.join("a release wakes a bounded acquire as well");
    });
}

#[test]
fn each_of_many_sleepers_gets_its_turn() {
    alone(|| {
        let stats = shared(1);
        let held = stats.semaphore().acquire(own_pid());
        let sleepers: Vec<_> =
            (0..4).map(|_| Child::fork(|| drop(stats.semaphore().acquire(own_pid())))).collect();
        for sleeper in &sleepers {
            sleeper.wait_until_asleep("a process that waits for the semaphore sleeps in the kernel");
        }
        drop(held);
        for sleeper in sleepers {
            sleeper.join(
                "one release wakes one process, which must wake the next in turn: is WAITERS set when it takes over?",
            );
        }
    });
}

#[test]
fn the_semaphore_of_a_dead_process_goes_to_the_next_one_which_is_told() {
    alone(|| {
        let stats = shared(1);
        let dead = holder(&stats).kill();
        let early = stats.semaphore().acquire_within(own_pid(), A_MOMENT);
        assert!(
            early.is_none(),
            "no process takes the semaphore before the master says that its owner is dead"
        );

        stats.settle(dead);

        let acquired = stats.semaphore().acquire_within(own_pid(), A_MOMENT);
        let Acquired { guard, owner_died } = acquired.expect("a settled semaphore is free");
        assert!(
            owner_died,
            "the owner before was killed while it held the semaphore: the next one must be told"
        );
        drop(guard);
        let again = stats.semaphore().acquire(own_pid());
        assert!(
            !again.owner_died,
            "the death was reported to the owner before; its release was an ordinary one"
        );
    });
}

#[test]
fn settling_wakes_a_process_that_slept_when_the_owner_died() {
    alone(|| {
        let stats = shared(1);
        let victim = holder(&stats);
        let sleeper = Child::fork(|| {
            let told = stats.semaphore().acquire(own_pid()).owner_died;
            assert!(told, "the owner was killed: the next owner must be told");
        });
        sleeper.wait_until_asleep("a process that waits for the semaphore sleeps in the kernel");
        kill_and_settle(&stats, victim);
        sleeper.join("settle wakes one of the processes that sleep on a dead owner's semaphore");
    });
}

#[test]
fn the_death_of_a_bystander_frees_nothing() {
    alone(|| {
        let stats = shared(1);
        let held = stats.semaphore().acquire(own_pid());
        let bystander = Child::fork(|| drop(stats.semaphore().acquire(own_pid())));
        bystander.wait_until_asleep("a process that waits for the semaphore sleeps in the kernel");
        kill_and_settle(&stats, bystander);
        Child::fork(|| {
            let got = stats.semaphore().acquire_within(own_pid(), A_MOMENT);
            assert!(got.is_none(), "settle may free only what the dead process itself held");
        })
        .join("a process died that only waited; the owner still owns");
        drop(held);
    });
}

/// Takes the semaphore again and again; inside, changes two counters that are equal whenever the semaphore is free.
fn keep_both_counters_equal(stats: &SharedStats, own: &Slot) {
    let pair = stats.slot(0);
    loop {
        let Acquired { guard, owner_died } = stats.semaphore().acquire(own_pid());
        let counters = pair.snapshot().counters;
        let (hits, misses) = (counters.cache_hits, counters.cache_misses);
        if owner_died {
            (misses..hits).for_each(|_| pair.count_miss());
        } else {
            assert_eq!(
                hits, misses,
                "either two processes are inside, or one was not told that the last one died"
            );
        }
        pair.count_hit();
        pair.count_miss();
        drop(guard);
        own.count_accepted();
    }
}

#[test]
fn killing_processes_again_and_again_freezes_no_other() {
    alone(|| {
        let stats = shared(4);
        let work = |index: usize| {
            let stats = &stats;
            Child::fork(move || keep_both_counters_equal(stats, stats.slot(index)))
        };
        let turns = |index: usize| stats.slot(index).snapshot().counters.connections_accepted;
        let mut children: Vec<_> = (1..4).map(work).collect();
        for round in 0..45 {
            let index = round % 3;
            let before = turns(index + 1);
            eventually("every process that lives gets the semaphore from time to time", || {
                turns(index + 1) > before
            });
            kill_and_settle(&stats, children.remove(index));
            children.insert(index, work(index + 1));
        }
        let before = [turns(1), turns(2), turns(3)];
        eventually("after 45 kills the survivors still take turns", || {
            (1..4).all(|i| turns(i) > before[i - 1])
        });
    });
}

/// No process has id 0, and Linux gives out 22 bits at most (proc(5), `PID_MAX_LIMIT`).
const NO_PROCESS_IDS: [u32; 4] = [0, 1 << 22, 1 << 30, u32::MAX];

#[test]
fn no_acquire_succeeds_in_the_name_of_an_impossible_process() {
    for pid in NO_PROCESS_IDS {
        let stats = shared(1);
        let acquired = catch_unwind(|| drop(stats.semaphore().acquire(pid)));
        assert!(
            acquired.is_err(),
            "acquire with the process id {pid} should panic, as its documentation says, but it returned"
        );
        let stats = shared(1);
        let acquired = catch_unwind(|| stats.semaphore().acquire_within(pid, Duration::ZERO).is_some());
        assert!(
            acquired.is_err(),
            "acquire_within with the process id {pid} should panic, as its documentation says, but it returned"
        );
    }
}

#[test]
fn no_acquire_waits_in_the_name_of_an_impossible_process() {
    for pid in NO_PROCESS_IDS {
        let stats = shared(1);
        let _held = stats.semaphore().acquire(own_pid());
        let gave_up = catch_unwind(|| stats.semaphore().acquire_within(pid, Duration::ZERO).is_none());
        assert!(
            gave_up.is_err(),
            "acquire_within with the process id {pid}, while another process holds the semaphore, should panic, as its \
             documentation says, but it returned"
        );
    }
}

/// A process id names a process with all its threads.
#[test]
fn a_semaphore_that_a_thread_holds_goes_to_no_other_thread_of_its_process() {
    let stats = shared(1);
    let _held = stats.semaphore().acquire(own_pid());
    let got = catch_unwind(|| stats.semaphore().acquire_within(own_pid(), Duration::ZERO).is_some());
    assert_eq!(
        got.map_or("a panic", |got| if got { "the semaphore, a second time" } else { "None" }),
        "None",
        "the semaphore is held in the name of this process, and acquire_within is called again with the same process \
         id. It returns"
    );
}

#[test]
fn a_holder_that_panics_has_released_the_semaphore_and_has_not_died() {
    let stats = shared(1);
    let panicked = catch_unwind(|| {
        let _held = stats.semaphore().acquire(own_pid());
        // A panic, without its message.
        resume_unwind(Box::new(()))
    });
    assert!(panicked.is_err(), "the holder has panicked");
    let next = stats.semaphore().acquire_within(own_pid(), Duration::ZERO);
    let next = next.expect("a guard releases the semaphore when it is dropped, also by a panic");
    assert!(
        !next.owner_died,
        "the holder before has panicked, but its process did not die: `owner_died` must be false, and is true"
    );
}

/// Two promises that are also tested with processes that really die. Here, the one that dies is only a number.
#[test]
fn the_death_of_the_holder_frees_the_semaphore_and_no_other_death_does() {
    const HOLDER: u32 = 100;
    const BYSTANDER: u32 = 200;
    let stats = shared(1);
    let next = || stats.semaphore().acquire_within(own_pid(), Duration::ZERO);
    // It will die as the holder.
    mem::forget(stats.semaphore().acquire(HOLDER));
    stats.semaphore().settle(BYSTANDER);
    assert!(
        next().is_none(),
        "process {HOLDER} holds the semaphore. Process {BYSTANDER} died, and now another process got the semaphore"
    );
    stats.semaphore().settle(HOLDER);
    let told = next().map(|acquired| acquired.owner_died);
    assert_eq!(
        told,
        Some(true),
        "process {HOLDER} died as the holder: `owner_died` of the next holder (None: there is none)"
    );
    let told = next().map(|acquired| acquired.owner_died);
    assert_eq!(
        told,
        Some(false),
        "the holder before has released the semaphore: `owner_died` of the one after it"
    );
}

/// Smaller and larger than 15 and 16 bits, and the largest that Linux gives out.
const PROCESS_IDS: [u32; 5] = [1, 1 << 15, 1 << 16, 1 << 21, (1 << 22) - 1];

#[test]
fn a_process_with_any_id_can_hold_the_semaphore() {
    for pid in PROCESS_IDS {
        let stats = shared(1);
        let held = stats.semaphore().acquire_within(pid, Duration::ZERO);
        assert!(held.is_some(), "the semaphore is free, yet the process with the id {pid} did not get it");
        let second = stats.semaphore().acquire_within(own_pid(), Duration::ZERO);
        assert!(
            second.is_none(),
            "the process with the id {pid} holds the semaphore, yet another one got it"
        );
    }
}

#[test]
fn process_ids_that_end_alike_are_two_processes() {
    for pid in PROCESS_IDS {
        let stats = shared(1);
        // It will die as the holder.
        mem::forget(stats.semaphore().acquire(pid));
        for bit in [15, 16, 21] {
            let other = pid ^ (1 << bit);
            if other != 0 {
                stats.semaphore().settle(other);
            }
        }
        let early = stats.semaphore().acquire_within(own_pid(), Duration::ZERO);
        assert!(
            early.is_none(),
            "process {pid} holds the semaphore. Only processes whose ids differ from it in one bit were settled, yet \
             another process got the semaphore"
        );
        stats.semaphore().settle(pid);
        let got = stats.semaphore().acquire_within(own_pid(), Duration::ZERO);
        assert!(
            got.is_some_and(|got| got.owner_died),
            "process {pid} died as the holder: the next one is told"
        );
    }
}

#[test]
fn an_impossible_process_cannot_die() {
    for pid in NO_PROCESS_IDS {
        let stats = shared(1);
        let settled = catch_unwind(|| stats.semaphore().settle(pid));
        assert!(settled.is_err(), "settle with the process id {pid} should panic, as its documentation says");
    }
}

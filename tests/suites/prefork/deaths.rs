//! What follows when workers die, cannot be forked, or do not get ready.

use crate::herd::{ABORT_IS_OVER, Forks, Herd, Life, READY_WITHIN, kills, notes, spawns};
use prefork::{
    ABORTED_WITHIN, Action, CANNOT_START, Event, Exit, FIRST_PAUSE, HEALTHY_AFTER, LONGEST_PAUSE, Note, Pid,
};
use std::time::Duration;
use verdict::test;

const CRASH: Exit = Exit::Signal(11);
const HOUR: Duration = Duration::from_secs(3600);
const MOMENT: Duration = Duration::from_millis(1);
const FORK_PAUSE_DOUBLES: &str =
    "Failed fork: the pause must double with each failure in a row. How long it is";

#[test]
fn a_herd_starts_one_worker_in_each_slot() {
    let mut herd = Herd::new(3);
    let early = herd.tell(Event::Tick);
    herd.same("Start: nothing may happen before it", early, vec![]);
    let mut started = spawns(&herd.tell(Event::Start));
    started.sort();
    herd.lists("Start: each slot must get one worker", started, vec![0, 1, 2]);
    let again = herd.tell(Event::Start);
    herd.same("Start: only the first one may have an effect", again, vec![]);
    herd.same(
        "Restarted: the first workers replace no dead ones, so there must be no Restarted. How many there were",
        herd.restarts,
        0,
    );
}

#[test]
fn a_first_death_is_settled_and_answered_at_once() {
    let mut herd = Herd::serving(2);
    let dead = herd.only_worker(1);
    let seat = herd.workers[&dead].seat;
    let actions = herd.dies(dead, CRASH);
    herd.same(
        "Death: the dead worker must be settled before anything else is done. The first action",
        actions[0],
        Action::Settle { slot: 1, seat, pid: dead },
    );
    herd.lists(
        "Death: the first death must be answered at once, with a worker in the same slot",
        spawns(&actions),
        vec![1],
    );
    herd.same(
        "Restarted: one worker died and one replaced it, so there must be one Restarted. How many there were",
        herd.restarts,
        1,
    );
    let pauses = notes(&actions).iter().any(|note| matches!(note, Note::Pausing { .. }));
    herd.demand(!pauses, "Notes: no pause follows a first death, so no Note(Pausing) may announce one");
}

#[test]
fn leaving_unasked_is_a_death_whatever_the_exit_code() {
    for how in [Exit::Code(0), Exit::Code(1), Exit::Code(CANNOT_START), Exit::Signal(15), Exit::Signal(9)] {
        let mut herd = Herd::serving(1);
        let pid = herd.only_worker(0);
        let actions = herd.dies(pid, how);
        let promise = format!(
            "Death: a worker that leaves without being asked must be replaced, however it ended (here {how:?})"
        );
        herd.lists(&promise, spawns(&actions), vec![0]);
    }
}

#[test]
fn a_second_death_in_a_row_waits_however_the_workers_ended() {
    for how in [Exit::Code(0), Exit::Code(1), Exit::Code(CANNOT_START), Exit::Signal(15), Exit::Signal(9)] {
        let mut herd = Herd::serving(1);
        herd.dies(herd.only_worker(0), how);
        herd.gets_ready(herd.only_worker(0));
        let actions = herd.dies(herd.only_worker(0), how);
        let told = notes(&actions).contains(&Note::Pausing { slot: 0, pause: FIRST_PAUSE });
        herd.demand(
            spawns(&actions).is_empty() && told,
            &format!(
                "Death: the second death in a row must be followed by a pause of {FIRST_PAUSE:?} (FIRST_PAUSE) and a \
                 Note(Pausing) that says so, however the workers ended"
            ),
        );
        herd.sleeps_for(
            FIRST_PAUSE,
            "Death: the second death in a row must be followed by a pause of FIRST_PAUSE. How long it is",
        );
    }
}

#[test]
fn deaths_of_different_kinds_are_one_row() {
    let kinds = [Exit::Code(0), Exit::Code(CANNOT_START), Exit::Signal(9)];
    for ready in [true, false] {
        for (second, third) in kinds.iter().flat_map(|second| kinds.iter().map(move |third| (second, third)))
        {
            let mut herd = Herd::serving(1);
            herd.dies(herd.only_worker(0), CRASH);
            let workers = if ready { "workers" } else { "workers that were not ready yet" };
            for (how, death, pause) in [(second, "second", FIRST_PAUSE), (third, "third", FIRST_PAUSE * 2)] {
                if ready {
                    herd.gets_ready(herd.only_worker(0));
                }
                herd.dies(herd.only_worker(0), *how);
                herd.sleeps_for(
                    pause,
                    &format!(
                        "Death: the {death} in a row waits for {pause:?}, whatever kinds of death they are. Here {workers} \
                         ended with {CRASH:?}, {second:?} and {third:?}"
                    ),
                );
            }
        }
    }
}

#[test]
fn deaths_in_a_row_wait_longer_each_time_but_never_longer_than_the_longest_pause() {
    let mut herd = Herd::serving(1);
    let mut expected = Duration::ZERO;
    // More than a byte can count, and more doublings than any integer has room for.
    for death in 1..=300 {
        let actions = herd.dies(herd.only_worker(0), CRASH);
        if death > 1 {
            let row = format!("this death was number {death} in a row");
            let waits = format!("Death: {row}, and from the second on there must be a pause");
            herd.lists(&waits, spawns(&actions), vec![]);
            let doubles = format!(
                "Death: {row}. The pause after the second must be {FIRST_PAUSE:?}, and double with each further one, \
                 up to {LONGEST_PAUSE:?} (LONGEST_PAUSE). How long it is"
            );
            herd.sleeps_for(expected, &doubles);
            herd.demand(
                notes(&actions).contains(&Note::Pausing { slot: 0, pause: expected }),
                &format!("Notes: {row}, and the pause is {expected:?}. A Note(Pausing) must say so"),
            );
        }
        herd.gets_ready(herd.only_worker(0));
        expected = (expected * 2).clamp(FIRST_PAUSE, LONGEST_PAUSE);
    }
    herd.same(
        "Restarted: 300 workers died and each was replaced, so there must be 300 Restarted. How many there were",
        herd.restarts,
        300,
    );
}

#[test]
fn a_minute_of_service_clears_the_record() {
    for (served, pause) in [(HEALTHY_AFTER - MOMENT, FIRST_PAUSE * 2), (HEALTHY_AFTER, Duration::ZERO)] {
        let mut herd = Herd::serving(1);
        herd.dies(herd.only_worker(0), CRASH);
        herd.dies(herd.only_worker(0), CRASH);
        herd.sleep();
        herd.gets_ready(herd.only_worker(0));
        herd.pass(served);
        let actions = herd.dies(herd.only_worker(0), CRASH);
        let promise = format!(
            "Death: this worker had served for {served:?}. A worker that serves for {HEALTHY_AFTER:?} clears the \
             record. Two died before it"
        );
        herd.pauses(&promise, &actions, pause);
    }
}

#[test]
fn a_worker_that_was_never_ready_has_died_like_any_other() {
    for how in [CRASH, Exit::Code(1), Exit::Code(CANNOT_START)] {
        let mut herd = Herd::starting(1);
        let actions = herd.dies(herd.only_worker(0), how);
        let promise = format!(
            "Death: the first death must be answered with a new worker at once, even if the worker was never ready, \
             and however it ended (here {how:?})"
        );
        herd.lists(&promise, spawns(&actions), vec![0]);
        for pause in [FIRST_PAUSE, FIRST_PAUSE * 2, FIRST_PAUSE * 4] {
            let actions = herd.dies(herd.only_worker(0), how);
            herd.lists(
                "Death: from the second death in a row on, there must be a pause",
                spawns(&actions),
                vec![],
            );
            herd.sleeps_for(
                pause,
                "Death: the pause must double, also if no worker gets ready. How long it is",
            );
        }
    }
}

#[test]
fn a_worker_that_is_late_has_died_like_any_other() {
    let mut herd = Herd::starting(1);
    for (before, pause) in [Duration::ZERO, FIRST_PAUSE, FIRST_PAUSE * 2].into_iter().enumerate() {
        let late = herd.only_worker(0);
        herd.pass(READY_WITHIN);
        let actions = herd.dies(late, Exit::Signal(9));
        let promise = format!(
            "Death: a worker that is killed because it was not ready in time has died unexpectedly. {before} died \
             like that before it"
        );
        herd.pauses(&promise, &actions, pause);
    }
}

#[test]
fn a_worker_that_hung_has_died_like_any_other() {
    let mut herd = Herd::serving(1);
    for (before, pause) in [Duration::ZERO, FIRST_PAUSE, FIRST_PAUSE * 2].into_iter().enumerate() {
        let (hung, how) = (herd.only_worker(0), Exit::Signal(6));
        herd.tell(Event::Hung { pid: hung });
        let actions = herd.dies(hung, how);
        let promise = format!(
            "Hanging: the death of a worker that hung is an unexpected one. {before} died like that before it"
        );
        herd.pauses(&promise, &actions, pause);
        herd.gets_ready(herd.only_worker(0));
    }
}

#[test]
fn a_worker_that_hung_has_served_until_then() {
    for (served, pause) in [(HEALTHY_AFTER - MOMENT, FIRST_PAUSE * 2), (HEALTHY_AFTER, Duration::ZERO)] {
        let mut herd = Herd::serving(1);
        herd.dies(herd.only_worker(0), CRASH);
        herd.dies(herd.only_worker(0), CRASH);
        herd.sleep();
        let hung = herd.only_worker(0);
        herd.gets_ready(hung);
        herd.pass(served);
        herd.tell(Event::Hung { pid: hung });
        herd.pass(MOMENT);
        let promise = format!(
            "Hanging: this worker served for {served:?} and then hung. {HEALTHY_AFTER:?} of service clear the \
             record, also if the worker then hangs. Two died before it"
        );
        let actions = herd.dies(hung, CRASH);
        herd.pauses(&promise, &actions, pause);
    }
}

#[test]
fn a_minute_counts_from_ready_and_not_from_the_fork() {
    let mut herd = Herd::starting(1);
    herd.dies(herd.only_worker(0), CRASH);
    herd.pass(READY_WITHIN / 2);
    herd.gets_ready(herd.only_worker(0));
    herd.pass(HEALTHY_AFTER - READY_WITHIN / 4);
    let actions = herd.dies(herd.only_worker(0), CRASH);
    let promise = format!(
        "Death: a worker must have served for {HEALTHY_AFTER:?} to clear the record, and the time before it was \
         ready does not count. This worker had served for less, so its death is the second in a row, and a pause \
         must follow"
    );
    herd.lists(&promise, spawns(&actions), vec![]);
}

#[test]
fn each_slot_has_a_record_of_its_own() {
    let mut herd = Herd::serving(2);
    for _ in 0..2 {
        herd.dies(herd.only_worker(0), CRASH);
    }
    let actions = herd.dies(herd.only_worker(1), CRASH);
    herd.lists(
        "Death: each slot has a row of its own. This death is the first in slot 1, so a new worker must come at \
         once",
        spawns(&actions),
        vec![1],
    );
}

#[test]
fn a_failed_fork_waits_too() {
    let mut herd = Herd::new(1);
    herd.forks = Forks::Fail;
    let actions = herd.tell(Event::Start);
    herd.lists(
        "Failed fork: the next try must come after a pause. Start spawns once, and nothing else may be spawned now",
        spawns(&actions),
        vec![0],
    );
    let told = notes(&actions).contains(&Note::ForkFailed { slot: 0 });
    herd.demand(told, "Notes: a fork for slot 0 has failed. A Note(ForkFailed) must say so");
    herd.sleeps_for(
        FIRST_PAUSE,
        "Failed fork: the next try must come after a pause of FIRST_PAUSE. How long it is",
    );
    herd.sleeps_for(FIRST_PAUSE * 2, FORK_PAUSE_DOUBLES);
    herd.forks = Forks::Succeed;
    herd.sleeps_for(FIRST_PAUSE * 4, FORK_PAUSE_DOUBLES);
    herd.only_worker(0);
    herd.same(
        "Restarted: no worker had died, so there must be no Restarted. How many there were",
        herd.restarts,
        0,
    );
}

#[test]
fn deaths_and_failed_forks_are_counted_in_one_row() {
    let mut herd = Herd::serving(1);
    herd.forks = Forks::Fail;
    // The answer to this death is a fork that fails: the second failure in the row.
    herd.dies(herd.only_worker(0), CRASH);
    herd.sleeps_for(
        FIRST_PAUSE,
        "Failed fork: it follows a death, so it is the second failure in its row. How long the pause after it is",
    );
    herd.forks = Forks::Succeed;
    herd.sleeps_for(FIRST_PAUSE * 2, FORK_PAUSE_DOUBLES);
    let actions = herd.dies(herd.only_worker(0), CRASH);
    herd.lists("Death: from the second death in a row on, there must be a pause", spawns(&actions), vec![]);
    herd.sleeps_for(
        FIRST_PAUSE * 4,
        "Death: deaths and failed forks are counted in one row, so the pause must double after a failed fork, too. \
         How long it is",
    );
}

#[test]
fn a_restart_is_counted_when_the_fork_succeeds() {
    let mut herd = Herd::serving(1);
    herd.forks = Forks::Fail;
    herd.dies(herd.only_worker(0), CRASH);
    herd.sleep();
    herd.same(
        "Restarted: no new worker was forked yet, so there must be no Restarted. How many there were",
        herd.restarts,
        0,
    );
    herd.forks = Forks::Succeed;
    herd.sleep();
    herd.same(
        "Restarted: one worker died and one replaced it, so there must be one Restarted, however many tries it took. \
         How many there were",
        herd.restarts,
        1,
    );
}

/// Lets the slot's workers exit with `CANNOT_START` `times` times in a row; returns the last actions.
#[track_caller]
pub fn fail_to_start(herd: &mut Herd, slot: usize, times: usize) -> Vec<Action> {
    let mut actions = Vec::new();
    for _ in 0..times {
        herd.demand(
            !herd.given_up.contains(&slot),
            &format!(
                "Giving up: slot {slot} may be given up only after five failed starts in a row. Another kind of \
                 death, or a worker that gets ready, breaks the row"
            ),
        );
        while herd.workers_of(slot).is_empty() {
            herd.sleep();
        }
        actions = herd.dies(herd.only_worker(slot), Exit::Code(CANNOT_START));
    }
    actions
}

#[test]
fn a_slot_whose_workers_cannot_start_is_given_up() {
    let mut herd = Herd::starting(2);
    herd.gets_ready(herd.only_worker(1));
    let actions = fail_to_start(&mut herd, 0, 4);
    herd.demand(
        !notes(&actions).contains(&Note::GivenUp { slot: 0 }),
        "Giving up: four workers of slot 0 could not start. It must be given up after five, and not after four",
    );
    let actions = fail_to_start(&mut herd, 0, 1);
    herd.demand(
        notes(&actions).contains(&Note::GivenUp { slot: 0 }),
        "Giving up: five workers of slot 0 in a row could not start. A Note(GivenUp) must say that it is given up",
    );
    let actions = herd.pass(HOUR);
    herd.lists("Giving up: no worker may be spawned in a slot that is given up", spawns(&actions), vec![]);
    let actions = herd.dies(herd.only_worker(1), CRASH);
    herd.lists(
        "Giving up: slot 1 is not given up, so its dead worker must be replaced",
        spawns(&actions),
        vec![1],
    );
    herd.ends("Giving up: slot 1 is not given up, so the master must go on", None);
}

#[test]
fn a_master_with_one_slot_left_goes_on_whichever_it_is() {
    for left in 0..3 {
        let mut herd = Herd::starting(3);
        for slot in (0..3).filter(|&slot| slot != left) {
            fail_to_start(&mut herd, slot, 5);
        }
        // The last slot has no worker at the moment, but it will have one.
        fail_to_start(&mut herd, left, 2);
        herd.ends(&format!("Giving up: slot {left} only pauses, so the master must go on"), None);
        herd.sleep();
        herd.only_worker(left);
    }
}

#[test]
fn a_worker_that_exits_while_it_is_killed_for_being_late_could_not_start_either() {
    let mut herd = Herd::starting(1);
    for _ in 0..5 {
        while herd.workers.is_empty() {
            herd.sleep();
        }
        let late = herd.only_worker(0);
        while herd.life(late) != Life::Killed {
            herd.sleep();
        }
        herd.dies(late, Exit::Code(CANNOT_START));
    }
    let promise = "Giving up: five workers in a row exited with CANNOT_START, and none of these workers was ready. \
                   No other slot is left, so the master must end";
    herd.ends(promise, Some(CANNOT_START));
}

#[test]
fn only_failures_in_a_row_that_were_never_ready_make_a_slot_given_up() {
    let mut herd = Herd::starting(1);
    fail_to_start(&mut herd, 0, 4);
    herd.sleep();
    herd.gets_ready(herd.only_worker(0));
    let actions = fail_to_start(&mut herd, 0, 4);
    herd.demand(
        notes(&actions).iter().all(|note| !matches!(note, Note::GivenUp { .. })),
        "Giving up: a worker that gets ready breaks the row, so slot 0 must not be given up",
    );
    herd.sleep();
    herd.dies(herd.only_worker(0), CRASH);
    let actions = fail_to_start(&mut herd, 0, 4);
    herd.demand(
        notes(&actions).iter().all(|note| !matches!(note, Note::GivenUp { .. })),
        "Giving up: another kind of death breaks the row, so slot 0 must not be given up",
    );
    fail_to_start(&mut herd, 0, 1);
    herd.ends(
        "Giving up: now five workers in a row could not start, and no other slot is left, so the master must end",
        Some(CANNOT_START),
    );
}

#[test]
fn only_the_code_for_it_says_that_a_worker_cannot_start() {
    for how in [Exit::Code(1), Exit::Code(CANNOT_START + 1), Exit::Code(101), Exit::Signal(CANNOT_START)] {
        let mut herd = Herd::starting(1);
        for _ in 0..6 {
            while herd.workers.is_empty() {
                herd.sleep();
            }
            let actions = herd.dies(herd.only_worker(0), how);
            herd.demand(
                !notes(&actions).contains(&Note::GivenUp { slot: 0 }),
                "Giving up: only CANNOT_START says that a worker cannot start. After any other death, slot 0 must \
                 not be given up",
            );
        }
    }
}

#[test]
fn a_worker_that_served_could_start_whatever_its_exit_code() {
    for hangs in [false, true] {
        let mut herd = Herd::serving(1);
        let pid = herd.only_worker(0);
        if hangs {
            herd.tell(Event::Hung { pid });
        }
        herd.dies(pid, Exit::Code(CANNOT_START));
        let actions = fail_to_start(&mut herd, 0, 4);
        let first = if hangs { "ready before it hung and was aborted" } else { "ready" };
        herd.demand(
            notes(&actions).iter().all(|note| !matches!(note, Note::GivenUp { .. })),
            &format!(
                "Giving up: a slot may be given up only after five workers in a row that were never ready. Here the \
                 first of five was {first}, but slot 0 was given up"
            ),
        );
    }
}

#[test]
fn a_worker_that_is_killed_because_it_hangs_could_start_whatever_its_exit_code() {
    let mut herd = Herd::serving(1);
    let pid = herd.only_worker(0);
    herd.tell(Event::Hung { pid });
    herd.sleeps_for(ABORTED_WITHIN, ABORT_IS_OVER);
    // It exits in the moment in which it is killed.
    herd.dies(pid, Exit::Code(CANNOT_START));
    let actions = fail_to_start(&mut herd, 0, 4);
    herd.demand(
        notes(&actions).iter().all(|note| !matches!(note, Note::GivenUp { .. })),
        "Giving up: a slot may be given up only after five workers in a row that were never ready. Here the first of \
         five was ready before it hung and was killed, but slot 0 was given up",
    );
}

#[test]
fn what_an_operator_reads_says_which_slot_and_what_happened() {
    let (slot, pid) = (2, Pid::from_raw(77));
    for (note, words) in [
        (Note::Died { slot, pid, how: Exit::Signal(9) }, &["slot 2", "77", "signal 9"][..]),
        (Note::Died { slot, pid, how: Exit::Code(3) }, &["slot 2", "77", "code 3"]),
        (Note::NeverReady { slot, pid }, &["slot 2", "77"]),
        (Note::NeverLeft { slot, pid }, &["slot 2", "77"]),
        (Note::Hung { slot, pid }, &["slot 2", "77"]),
        (Note::Pausing { slot, pause: FIRST_PAUSE }, &["slot 2"]),
        (Note::RollAbandoned { slot }, &["slot 2"]),
    ] {
        let line = note.to_string();
        let names_all = words.iter().all(|word| line.contains(word));
        assert!(names_all && !line.contains('\n'), "one line must say {words:?}, and this is {line:?}");
    }
}

#[test]
fn when_every_slot_is_given_up_the_master_ends() {
    let mut herd = Herd::starting(2);
    fail_to_start(&mut herd, 0, 5);
    herd.ends("Giving up: slot 1 is left, so the master must go on", None);
    fail_to_start(&mut herd, 1, 5);
    herd.ends(
        "Giving up: no slot is left, so the master must end, and its exit code says why",
        Some(CANNOT_START),
    );
    for event in [Event::Reload, Event::Start, Event::Tick, Event::Stop, Event::StopNow] {
        let actions = herd.tell(event);
        herd.same(
            "Finish: it is the last action of all, so every later event must be ignored",
            actions,
            vec![],
        );
    }
}

#[test]
fn a_worker_that_does_not_get_ready_in_time_is_killed_and_then_replaced() {
    let mut herd = Herd::starting(1);
    let late = herd.only_worker(0);
    let actions = herd.pass(READY_WITHIN - MOMENT);
    herd.lists(
        "Getting ready: the time of this worker is not over, so it must not be killed yet",
        kills(&actions),
        vec![],
    );
    let actions = herd.pass(MOMENT);
    herd.lists(
        "Getting ready: a worker that is not ready in time must be killed",
        kills(&actions),
        vec![late],
    );
    herd.lists(
        "Getting ready: a worker that is killed must be replaced when it is dead, and not before",
        spawns(&actions),
        vec![],
    );
    let actions = herd.gets_ready(late);
    herd.same(
        "Getting ready: this worker was killed already, so its Ready must change nothing",
        actions,
        vec![],
    );
    let actions = herd.dies(late, Exit::Signal(9));
    herd.lists(
        "Getting ready: the death of a worker that was late is unexpected, so a new one must come at once",
        spawns(&actions),
        vec![0],
    );
}

#[test]
fn a_worker_that_is_ready_is_left_alone() {
    let mut herd = Herd::serving(1);
    let actions = herd.pass(HOUR);
    herd.same(
        "Getting ready: a worker that was ready has no time limit any more, so nothing may happen",
        actions,
        vec![],
    );
    herd.same(
        "Getting ready: a worker that is ready must be left alone. Its state",
        herd.life(herd.only_worker(0)),
        Life::Serving,
    );
}

#[test]
fn the_deadline_is_the_earliest_of_all() {
    let mut herd = Herd::serving(2);
    for _ in 0..4 {
        while herd.workers_of(0).is_empty() {
            herd.sleep();
        }
        herd.dies(herd.only_worker(0), CRASH);
    }
    // Slot 0 has a long pause, slot 1 a shorter one.
    for _ in 0..2 {
        herd.dies(herd.only_worker(1), CRASH);
    }
    herd.sleeps_for(
        FIRST_PAUSE,
        "Death: deadline() must be the end of the shorter of two pauses. Time until deadline()",
    );
    herd.only_worker(1);
}

#[test]
fn an_exit_of_a_process_that_was_never_spawned_is_ignored() {
    let mut herd = Herd::serving(1);
    let actions = herd.tell(Event::Exited { pid: Pid::from_raw(7), how: CRASH });
    herd.same("Death: a child that was never reported as spawned must be ignored", actions, vec![]);
}

#[test]
fn a_death_after_a_minute_of_service_is_the_first_of_a_new_row() {
    let mut herd = Herd::serving(1);
    herd.pass(HEALTHY_AFTER);
    herd.dies(herd.only_worker(0), CRASH);
    let actions = herd.dies(herd.only_worker(0), CRASH);
    herd.lists(
        "Death: the first death after a minute of service is counted, so a pause must follow the second",
        spawns(&actions),
        vec![],
    );
    herd.sleeps_for(
        FIRST_PAUSE,
        "Death: the second death in a row must be followed by a pause of FIRST_PAUSE. How long it is",
    );
}

#[test]
fn a_fork_that_fails_is_no_worker_that_cannot_start() {
    let mut herd = Herd::new(1);
    herd.forks = Forks::Fail;
    herd.tell(Event::Start);
    for _ in 0..4 {
        herd.sleep();
    }
    herd.forks = Forks::Succeed;
    herd.sleep();
    let actions = herd.dies(herd.only_worker(0), Exit::Code(CANNOT_START));
    herd.demand(
        !notes(&actions).contains(&Note::GivenUp { slot: 0 }),
        "Giving up: five forks failed, and one worker exited with CANNOT_START. A failed fork is not a failed start, \
         so this is the first of the row, and slot 0 must not be given up",
    );
    herd.forks = Forks::Fail;
    herd.sleep();
    herd.forks = Forks::Succeed;
    fail_to_start(&mut herd, 0, 4);
    let promise = "Giving up: five workers exited with CANNOT_START, and one fork failed between them. A failed fork \
                   does not break the row, so the master must end";
    herd.ends(promise, Some(CANNOT_START));
}

#[test]
fn workers_that_never_get_ready_are_told_of_and_give_no_slot_up() {
    let mut herd = Herd::starting(1);
    for _ in 0..6 {
        while herd.workers.is_empty() {
            herd.sleep();
        }
        let late = herd.only_worker(0);
        while herd.life(late) != Life::Killed {
            herd.sleep();
        }
        let how = Exit::Signal(9);
        let actions = herd.dies(late, how);
        herd.demand(
            !notes(&actions).contains(&Note::GivenUp { slot: 0 }),
            "Giving up: these workers were killed because they were not ready in time. None exited with \
             CANNOT_START, so slot 0 must not be given up",
        );
    }
}

#[test]
fn a_slot_that_was_given_up_begins_anew_also_during_a_roll() {
    let mut herd = Herd::starting(2);
    herd.gets_ready(herd.only_worker(0));
    herd.tell(Event::Reload);
    // Slot 0's successor is not ready yet; meanwhile slot 1's workers cannot start.
    fail_to_start(&mut herd, 1, 5);
    herd.demand(
        herd.given_up.contains(&1),
        "Giving up: five workers of slot 1 in a row could not start, so it must be given up",
    );
    let actions = herd.tell(Event::Reload);
    herd.demand(
        spawns(&actions).contains(&1),
        "Reload: a slot that was given up must start again, also during a roll, but slot 1 does not",
    );
}

#[test]
fn a_row_of_failed_starts_is_broken_by_every_other_end() {
    for how in [Exit::Code(0), Exit::Code(1), Exit::Signal(9), Exit::Signal(15)] {
        let mut herd = Herd::starting(1);
        fail_to_start(&mut herd, 0, 4);
        herd.sleep();
        herd.dies(herd.only_worker(0), how);
        fail_to_start(&mut herd, 0, 1);
        herd.demand(
            herd.given_up.is_empty(),
            &format!(
                "Giving up: {how:?} is not an exit with CANNOT_START ({CANNOT_START}), so this death breaks the row \
                 of failed starts. The failed start after it is the first of a new row, and not the fifth"
            ),
        );
        fail_to_start(&mut herd, 0, 3);
    }
}

#[test]
fn a_row_of_failed_starts_is_broken_by_a_worker_that_is_late() {
    let mut herd = Herd::starting(1);
    fail_to_start(&mut herd, 0, 4);
    herd.sleep();
    herd.pass(READY_WITHIN);
    herd.dies(herd.only_worker(0), Exit::Signal(9));
    fail_to_start(&mut herd, 0, 1);
    herd.demand(
        herd.given_up.is_empty(),
        &format!(
            "Giving up: the master has killed a worker that was not ready in time. This is not an exit with \
             CANNOT_START ({CANNOT_START}), so it breaks the row of failed starts. The failed start after it is the \
             first of a new row, and not the fifth"
        ),
    );
    fail_to_start(&mut herd, 0, 3);
}

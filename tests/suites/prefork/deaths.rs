//! What follows when workers die, cannot be forked, or do not get ready.

use crate::herd::{Forks, Herd, Life, READY_WITHIN, kills, notes, spawns};
use prefork::{
    ABORTED_WITHIN, Action, CANNOT_START, Event, Exit, FIRST_PAUSE, HEALTHY_AFTER, LONGEST_PAUSE, Note, Pid,
};
use std::time::Duration;
use verdict::test;

const CRASH: Exit = Exit::Signal(11);
const HOUR: Duration = Duration::from_secs(3600);
const MOMENT: Duration = Duration::from_millis(1);

#[test]
fn a_herd_starts_one_worker_in_each_slot() {
    let mut herd = Herd::new(3);
    let early = herd.tell(Event::Tick);
    herd.same("Start: nothing happens before it", early, vec![]);
    let mut started = spawns(&herd.tell(Event::Start));
    started.sort();
    herd.same("Start: one worker for each slot", started, vec![0, 1, 2]);
    let again = herd.tell(Event::Start);
    herd.same("Start: heard once", again, vec![]);
    herd.same("Restarted counts answers to deaths, not the first workers", herd.restarts, 0);
}

#[test]
fn a_first_death_is_settled_and_answered_at_once() {
    let mut herd = Herd::serving(2);
    let dead = herd.only_worker(1);
    let seat = herd.workers[&dead].seat;
    let actions = herd.dies(dead, CRASH);
    herd.same("Death: settled before all else", actions[0], Action::Settle { slot: 1, seat, pid: dead });
    herd.same("Death: the first is answered at once, in its own slot", spawns(&actions), vec![1]);
    herd.same("Restarted: one respawn, one restart", herd.restarts, 1);
    let pauses = notes(&actions).iter().any(|note| matches!(note, Note::Pausing { .. }));
    herd.demand(!pauses, "Notes: no pause is announced where there is none");
}

#[test]
fn leaving_unasked_is_a_death_whatever_the_exit_code() {
    for how in [Exit::Code(0), Exit::Code(1), Exit::Code(CANNOT_START), Exit::Signal(15), Exit::Signal(9)] {
        let mut herd = Herd::serving(1);
        let pid = herd.only_worker(0);
        let actions = herd.dies(pid, how);
        herd.same("Death: a worker is not to leave unasked, not even with code 0", spawns(&actions), vec![0]);
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
                "Death: the second in a row is followed by a pause of {FIRST_PAUSE:?} (FIRST_PAUSE) and a Note(Pausing) that \
                 says so, however the workers ended"
            ),
        );
        herd.sleeps_for(FIRST_PAUSE, "Death: the second in a row waits for the first pause");
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
            let waits = format!("Death: {row}, and from the second on there is a pause. Spawned at once");
            herd.same(&waits, spawns(&actions), vec![]);
            herd.sleeps_for(expected, "Death: the pause doubles up to the longest");
            herd.demand(
                notes(&actions).contains(&Note::Pausing { slot: 0, pause: expected }),
                &format!("Notes: {row}, and the pause is {expected:?}. A Note(Pausing) must say so"),
            );
        }
        herd.gets_ready(herd.only_worker(0));
        expected = (expected * 2).clamp(FIRST_PAUSE, LONGEST_PAUSE);
    }
    herd.same("Restarted: one for each death", herd.restarts, 300);
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
        let found = if spawns(&actions).is_empty() { herd.sleep() } else { Duration::ZERO };
        let promise =
            "Death: what came before a full minute of service is forgotten. The pause after the next death";
        herd.same(promise, found, pause);
    }
}

#[test]
fn a_worker_that_was_never_ready_has_died_like_any_other() {
    for how in [CRASH, Exit::Code(1), Exit::Code(CANNOT_START)] {
        let mut herd = Herd::starting(1);
        let actions = herd.dies(herd.only_worker(0), how);
        let promise = format!(
            "Death: the first death must be answered with a new worker at once, even if the worker was never ready, and \
             however it ended (here {how:?}). Spawned at once"
        );
        herd.same(&promise, spawns(&actions), vec![0]);
        for pause in [FIRST_PAUSE, FIRST_PAUSE * 2, FIRST_PAUSE * 4] {
            let actions = herd.dies(herd.only_worker(0), how);
            herd.same("Death: from the second in a row on, there is a pause", spawns(&actions), vec![]);
            herd.sleeps_for(pause, "Death: the pause doubles, also if no worker gets ready");
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
        let found = if spawns(&actions).is_empty() { herd.sleep() } else { Duration::ZERO };
        let promise = format!(
            "Death: a worker that is killed because it was not ready in time has died unexpectedly. {before} died \
             like that before it. The pause after its death"
        );
        herd.same(&promise, found, pause);
    }
}

#[test]
fn a_worker_that_hung_has_died_like_any_other() {
    let mut herd = Herd::serving(1);
    for (before, pause) in [Duration::ZERO, FIRST_PAUSE, FIRST_PAUSE * 2].into_iter().enumerate() {
        let (hung, how) = (herd.only_worker(0), Exit::Signal(6));
        herd.tell(Event::Hung { pid: hung });
        let actions = herd.dies(hung, how);
        let found = if spawns(&actions).is_empty() { herd.sleep() } else { Duration::ZERO };
        let promise = format!(
            "Hanging: the death of a worker that hung is an unexpected one. {before} died like that before it. The \
             pause after its death"
        );
        herd.same(&promise, found, pause);
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
            "Hanging: this worker had served for {served:?} when it hung, and a worker that serves for {HEALTHY_AFTER:?} \
             until it hangs clears the record. Two died before it. The pause after its death"
        );
        let actions = herd.dies(hung, CRASH);
        let found = if spawns(&actions).is_empty() { herd.sleep() } else { Duration::ZERO };
        herd.same(&promise, found, pause);
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
    herd.same("Death: a worker is healthy after a minute of service", spawns(&actions), vec![]);
}

#[test]
fn each_slot_has_a_record_of_its_own() {
    let mut herd = Herd::serving(2);
    for _ in 0..2 {
        herd.dies(herd.only_worker(0), CRASH);
    }
    let actions = herd.dies(herd.only_worker(1), CRASH);
    herd.same("Death: slot 1 does not pay for the deaths of slot 0", spawns(&actions), vec![1]);
}

#[test]
fn a_failed_fork_waits_too() {
    let mut herd = Herd::new(1);
    herd.forks = Forks::Fail;
    let actions = herd.tell(Event::Start);
    herd.same("Failed fork: a try at once would spin", spawns(&actions), vec![0]);
    herd.demand(notes(&actions).contains(&Note::ForkFailed { slot: 0 }), "Notes: a failed fork is told");
    herd.sleeps_for(FIRST_PAUSE, "Failed fork: tried again after a pause");
    herd.sleeps_for(FIRST_PAUSE * 2, "Failed fork: the pause doubles");
    herd.forks = Forks::Succeed;
    herd.sleeps_for(FIRST_PAUSE * 4, "Failed fork: the pause doubles");
    herd.only_worker(0);
    herd.same("Restarted: no worker had died", herd.restarts, 0);
}

#[test]
fn deaths_and_failed_forks_are_counted_in_one_row() {
    let mut herd = Herd::serving(1);
    herd.forks = Forks::Fail;
    // The answer to this death is a fork that fails: the second failure in the row.
    herd.dies(herd.only_worker(0), CRASH);
    herd.sleeps_for(FIRST_PAUSE, "Failed fork: after one death, it is the second failure in its row");
    herd.forks = Forks::Succeed;
    herd.sleeps_for(FIRST_PAUSE * 2, "Failed fork: the pause doubles");
    let actions = herd.dies(herd.only_worker(0), CRASH);
    herd.same("Death: from the second in a row on, there is a pause", spawns(&actions), vec![]);
    herd.sleeps_for(FIRST_PAUSE * 4, "Death: the pause doubles after a failed fork, too");
}

#[test]
fn a_restart_is_counted_when_the_fork_succeeds() {
    let mut herd = Herd::serving(1);
    herd.forks = Forks::Fail;
    herd.dies(herd.only_worker(0), CRASH);
    herd.sleep();
    herd.same("Restarted: no worker was forked yet", herd.restarts, 0);
    herd.forks = Forks::Succeed;
    herd.sleep();
    herd.same("Restarted: one death, one restart, however many tries", herd.restarts, 1);
}

/// Lets the slot's workers exit with `CANNOT_START` `times` times in a row; returns the last actions.
#[track_caller]
pub fn fail_to_start(herd: &mut Herd, slot: usize, times: usize) -> Vec<Action> {
    let mut actions = Vec::new();
    for _ in 0..times {
        herd.demand(
            !herd.given_up.contains(&slot),
            "Giving up: after five failed starts in a row; another kind of death, or getting ready, breaks the row",
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
        "Giving up: after five, not after four",
    );
    let actions = fail_to_start(&mut herd, 0, 1);
    herd.demand(notes(&actions).contains(&Note::GivenUp { slot: 0 }), "Giving up: after five in a row");
    let actions = herd.pass(HOUR);
    herd.same("Giving up: no further try", spawns(&actions), vec![]);
    let actions = herd.dies(herd.only_worker(1), CRASH);
    herd.same("Giving up: the other slots are not affected", spawns(&actions), vec![1]);
    let promise = "Giving up: slot 1 is not given up, so the master goes on. The exit code of Finish";
    herd.same(promise, herd.finished, None);
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
        let promise =
            format!("Giving up: slot {left} only pauses, so the master goes on. The exit code of Finish");
        herd.same(&promise, herd.finished, None);
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
    let promise = "Giving up: five exits with CANNOT_START in a row, and none of these workers was ready";
    herd.same(promise, herd.finished, Some(CANNOT_START));
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
        "Giving up: a worker that got ready breaks the row",
    );
    herd.sleep();
    herd.dies(herd.only_worker(0), CRASH);
    let actions = fail_to_start(&mut herd, 0, 4);
    herd.demand(
        notes(&actions).iter().all(|note| !matches!(note, Note::GivenUp { .. })),
        "Giving up: another kind of death breaks the row",
    );
    fail_to_start(&mut herd, 0, 1);
    herd.same(
        "Giving up: five in a row at last, so the master ends. The exit code of Finish",
        herd.finished,
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
                "Giving up: only CANNOT_START says that a worker cannot start; any other death is answered again",
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
                "Giving up: only after five workers in a row that were never ready. Here the first of five was \
                 {first}, but slot 0 was given up"
            ),
        );
    }
}

#[test]
fn a_worker_that_is_killed_because_it_hangs_could_start_whatever_its_exit_code() {
    let mut herd = Herd::serving(1);
    let pid = herd.only_worker(0);
    herd.tell(Event::Hung { pid });
    herd.sleeps_for(ABORTED_WITHIN, "Hanging: deadline() is when an abort should have been enough");
    // It exits in the moment in which it is killed.
    herd.dies(pid, Exit::Code(CANNOT_START));
    let actions = fail_to_start(&mut herd, 0, 4);
    herd.demand(
        notes(&actions).iter().all(|note| !matches!(note, Note::GivenUp { .. })),
        "Giving up: only after five workers in a row that were never ready. Here the first of five was ready before it \
         hung and was killed, but slot 0 was given up",
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
    herd.same("Giving up: one slot is left", herd.finished, None);
    fail_to_start(&mut herd, 1, 5);
    herd.same("Giving up: none is left, so the master ends and says why", herd.finished, Some(CANNOT_START));
    for event in [Event::Reload, Event::Start, Event::Tick, Event::Stop, Event::StopNow] {
        let actions = herd.tell(event);
        herd.same("Finish: nothing after it", actions, vec![]);
    }
}

#[test]
fn a_worker_that_does_not_get_ready_in_time_is_killed_and_then_replaced() {
    let mut herd = Herd::starting(1);
    let late = herd.only_worker(0);
    let actions = herd.pass(READY_WITHIN - MOMENT);
    herd.same("Getting ready: it still has a moment", kills(&actions), vec![]);
    let actions = herd.pass(MOMENT);
    herd.same("Getting ready: killed when the time is over", kills(&actions), vec![late]);
    herd.same("Getting ready: replaced when it is dead, not before", spawns(&actions), vec![]);
    let actions = herd.gets_ready(late);
    herd.same("Getting ready: too late is too late", actions, vec![]);
    let actions = herd.dies(late, Exit::Signal(9));
    herd.same("Getting ready: its death is an unexpected one", spawns(&actions), vec![0]);
}

#[test]
fn a_worker_that_is_ready_is_left_alone() {
    let mut herd = Herd::serving(1);
    let actions = herd.pass(HOUR);
    herd.same("Getting ready: once is enough", actions, vec![]);
    herd.same("Getting ready: it serves", herd.life(herd.only_worker(0)), Life::Serving);
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
    herd.sleeps_for(FIRST_PAUSE, "deadline() is when the first of two pauses is over");
    herd.only_worker(1);
}

#[test]
fn an_exit_of_a_process_that_was_never_spawned_is_ignored() {
    let mut herd = Herd::serving(1);
    let actions = herd.tell(Event::Exited { pid: Pid::from_raw(7), how: CRASH });
    herd.same("Death: a child that was never reported as spawned is ignored", actions, vec![]);
}

#[test]
fn a_death_after_a_minute_of_service_is_the_first_of_a_new_row() {
    let mut herd = Herd::serving(1);
    herd.pass(HEALTHY_AFTER);
    herd.dies(herd.only_worker(0), CRASH);
    let actions = herd.dies(herd.only_worker(0), CRASH);
    herd.same(
        "Death: the first after a minute of service is counted, so the second waits",
        spawns(&actions),
        vec![],
    );
    herd.sleeps_for(FIRST_PAUSE, "Death: it waits for the first pause");
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
    herd.demand(!notes(&actions).contains(&Note::GivenUp { slot: 0 }), "Giving up: a failed fork is no exit");
    herd.forks = Forks::Fail;
    herd.sleep();
    herd.forks = Forks::Succeed;
    fail_to_start(&mut herd, 0, 4);
    herd.same("Giving up: a failed fork is no exit, so the row goes on", herd.finished, Some(CANNOT_START));
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
            "Giving up: it has not exited with CANNOT_START",
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
    herd.demand(herd.given_up.contains(&1), "Giving up: after five in a row");
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
                "Giving up: {how:?} is no exit with CANNOT_START ({CANNOT_START}), so this death breaks the row of failed \
                 starts. The failed start after it is the first of a new row, and not the fifth"
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
            "Giving up: the master has killed a worker that was not ready in time. This is no exit with CANNOT_START \
             ({CANNOT_START}), so it breaks the row of failed starts. The failed start after it is the first of a new row, and not \
             the fifth"
        ),
    );
    fail_to_start(&mut herd, 0, 3);
}

//! How a herd ends.

use crate::herd::{DRAIN, Forks, GRACE, Herd, Life, Listed, READY_WITHIN, kills, notes, spawns, terminates};
use prefork::{ABORTED_WITHIN, DONE, Event, Exit, Note, Pid};
use std::time::Duration;
use verdict::test;

const CRASH: Exit = Exit::Signal(11);
const GONE: Exit = Exit::Code(DONE);
const HOUR: Duration = Duration::from_secs(3600);
const MOMENT: Duration = Duration::from_millis(1);

/// All living workers.
fn everybody(herd: &Herd) -> Vec<Pid> {
    herd.workers.keys().copied().collect()
}

/// The order in which a stop reaches the slots does not matter.
fn sorted(mut pids: Listed<Pid>) -> Listed<Pid> {
    pids.sort();
    pids
}

#[test]
fn a_stop_asks_every_worker_to_leave_and_ends_with_the_last() {
    let mut herd = Herd::serving(3);
    let all = everybody(&herd);
    let actions = herd.tell(Event::Stop);
    herd.same("Stop: every worker is asked to leave", sorted(terminates(&actions)), all.clone());
    herd.same("Stop: no worker is killed yet", kills(&actions), vec![]);
    for pid in all {
        herd.same("Stop: the master waits for the last", herd.finished, None);
        herd.dies(pid, GONE);
    }
    herd.same("Stop: asked for and done", herd.finished, Some(DONE));
}

#[test]
fn a_stop_reaches_workers_that_start_and_workers_that_drain_already() {
    let mut herd = Herd::serving(2);
    let old = herd.only_worker(0);
    herd.tell(Event::Reload);
    herd.gets_ready(herd.workers_of(0)[1]);
    herd.same("Reload: the predecessor drains", herd.life(old), Life::Leaving);
    // Slot 0: one drains, one serves. Slot 1: one serves, one starts.
    let all = everybody(&herd);
    let actions = herd.tell(Event::Stop);
    herd.same("Stop: all are asked, whatever they do", sorted(terminates(&actions)), all);
    herd.dies(herd.workers_of(1)[1], GONE);
    for pid in everybody(&herd) {
        herd.dies(pid, GONE);
    }
    herd.same("Stop: done when both seats of all slots are empty", herd.finished, Some(DONE));
}

#[test]
fn a_worker_that_stays_past_the_grace_is_killed() {
    let mut herd = Herd::serving(2);
    let (quick, slow) = (herd.only_worker(0), herd.only_worker(1));
    herd.tell(Event::Stop);
    herd.dies(quick, GONE);
    let actions = herd.pass(GRACE - MOMENT);
    herd.same("Stop: the grace is not over", kills(&actions), vec![]);
    herd.sleeps_for(MOMENT, "Stop: deadline() is the end of the grace");
    herd.same("Stop: the grace is over", herd.life(slow), Life::Killed);
    let actions = herd.dies(slow, Exit::Signal(9));
    herd.same(
        "Notes: it was asked to leave before it was killed, so its end is no news",
        notes(&actions),
        vec![],
    );
    herd.same("Stop: done, though not gently", herd.finished, Some(DONE));
}

#[test]
fn a_worker_that_hangs_is_aborted_then_killed_and_then_replaced() {
    let mut herd = Herd::serving(2);
    let hung = herd.only_worker(0);
    let actions = herd.tell(Event::Hung { pid: hung });
    herd.same("Hanging: it may leave a core", herd.life(hung), Life::Aborted);
    herd.demand(notes(&actions).contains(&Note::Hung { slot: 0, pid: hung }), "Hanging: it is told");
    let actions = herd.tell(Event::Hung { pid: hung });
    herd.same("Hanging: said again, nothing new", actions, vec![]);
    herd.same("Hanging: no worker serves in its slot", herd.supervisor.serving(0), None);
    herd.sleeps_for(ABORTED_WITHIN, "Hanging: deadline() is when an abort should have been enough");
    herd.same("Hanging: a worker that does not die of an abort is killed", herd.life(hung), Life::Killed);
    let actions = herd.dies(hung, Exit::Signal(9));
    herd.same("Hanging: its death is an unexpected one", spawns(&actions), vec![0]);
    let starting = herd.only_worker(0);
    let actions = herd.tell(Event::Hung { pid: starting });
    herd.same("Hanging: only a worker that serves can hang", actions, vec![]);
    herd.gets_ready(starting);
    let seat = herd.workers[&starting].seat;
    herd.same("Slots: its successor serves there", herd.supervisor.serving(0), Some((seat, starting)));
}

#[test]
fn a_second_stop_kills_at_once() {
    for second in [Event::Stop, Event::StopNow] {
        let mut herd = Herd::serving(2);
        let all = everybody(&herd);
        herd.tell(Event::Stop);
        let actions = herd.tell(second);
        herd.same("Stop: a second stop means now", sorted(kills(&actions)), all);
        let actions = herd.tell(second);
        herd.same("Stop: no worker is killed twice", actions, vec![]);
    }
}

#[test]
fn stop_now_does_not_ask() {
    let mut herd = Herd::serving(2);
    let all = everybody(&herd);
    let actions = herd.tell(Event::StopNow);
    herd.same("StopNow: all are killed", sorted(kills(&actions)), all.clone());
    for pid in all {
        herd.dies(pid, Exit::Signal(9));
    }
    herd.same("Finish: the herd was stopped, so the exit code is DONE", herd.finished, Some(DONE));
}

#[test]
fn an_end_without_waiting_spares_no_worker_whatever_it_does() {
    for stops in [&[Event::StopNow][..], &[Event::Stop, Event::Stop], &[Event::Stop, Event::StopNow]] {
        let mut herd = Herd::starting(3);
        // Slot 0: one starts. Slot 1: one serves. Slot 2: one hangs, and is aborted.
        let (serves, hangs) = (herd.only_worker(1), herd.only_worker(2));
        herd.gets_ready(serves);
        herd.gets_ready(hangs);
        herd.tell(Event::Hung { pid: hangs });
        for &stop in stops {
            herd.tell(stop);
        }
        for pid in everybody(&herd) {
            herd.same(&format!("StopNow: worker {pid} is killed at once"), herd.life(pid), Life::Killed);
        }
    }
}

#[test]
fn an_end_without_waiting_reaches_both_workers_of_a_slot() {
    for stops in [&[Event::StopNow][..], &[Event::Stop, Event::Stop], &[Event::Stop, Event::StopNow]] {
        let mut herd = Herd::serving(2);
        herd.tell(Event::Reload);
        herd.gets_ready(herd.workers_of(0)[1]);
        // Slot 0: one drains, one serves. Slot 1: one serves, one starts.
        for &stop in stops {
            herd.tell(stop);
        }
        for pid in everybody(&herd) {
            herd.same(&format!("StopNow: worker {pid} is killed at once"), herd.life(pid), Life::Killed);
        }
    }
}

#[test]
fn nothing_is_spawned_after_a_stop() {
    let mut herd = Herd::serving(3);
    // Slot 0 waits for its next worker when the stop comes.
    herd.dies(herd.only_worker(0), CRASH);
    herd.dies(herd.only_worker(0), CRASH);
    herd.tell(Event::Stop);
    let mut actions = herd.dies(herd.only_worker(1), CRASH);
    actions.extend(herd.pass(HOUR));
    actions.extend(herd.tell(Event::Start));
    actions.extend(herd.dies(herd.only_worker(2), CRASH));
    actions.extend(herd.pass(HOUR));
    herd.same("Stop: no death and no pause spawns any more", spawns(&actions), vec![]);
    herd.same("Stop: all are gone", herd.finished, Some(DONE));
}

#[test]
fn a_stop_does_not_wait_for_slots_that_are_empty() {
    let mut herd = Herd::serving(1);
    herd.dies(herd.only_worker(0), CRASH);
    herd.dies(herd.only_worker(0), CRASH);
    herd.tell(Event::Stop);
    let promise = "Finish: after a stop, it comes as soon as there is no worker, also without a death";
    herd.same(promise, herd.finished, Some(DONE));
}

#[test]
fn a_herd_that_never_started_ends_at_once() {
    for stop in [Event::Stop, Event::StopNow] {
        let mut herd = Herd::new(2);
        herd.tell(stop);
        herd.same("Stop: there is no worker to wait for", herd.finished, Some(DONE));
        let actions = herd.tell(Event::Start);
        herd.same("Finish: nothing after it", actions, vec![]);
    }
}

/// The ways to stop a herd, and what they mean for a worker that is reported afterwards.
const STOPS: [(&[Event], Life); 5] = [
    (&[Event::Stop], Life::Leaving),
    (&[Event::StopNow], Life::Killed),
    (&[Event::Stop, Event::Stop], Life::Killed),
    (&[Event::Stop, Event::StopNow], Life::Killed),
    (&[Event::StopNow, Event::Stop], Life::Killed),
];

#[test]
fn a_worker_forked_before_the_stop_and_reported_after_it_is_stopped_too() {
    for (stops, end) in STOPS {
        let mut herd = Herd::new(1);
        herd.forks = Forks::Pend;
        herd.tell(Event::Start);
        for &stop in stops {
            herd.tell(stop);
        }
        herd.same("Stop: an unanswered spawn may yet be a worker", herd.finished, None);
        herd.answer(herd.unanswered[0], Forks::Succeed);
        let pid = herd.only_worker(0);
        let promise = "Stop: a worker whose fork is reported after the stop must be treated like every other \
                       worker. The state of this worker";
        herd.same(promise, herd.life(pid), end);
        herd.dies(pid, GONE);
        herd.same("Stop: done", herd.finished, Some(DONE));
    }
}

#[test]
fn a_successor_forked_before_the_stop_and_reported_after_it_is_stopped_too() {
    for (stops, end) in STOPS {
        let mut herd = Herd::serving(1);
        herd.forks = Forks::Pend;
        herd.tell(Event::Reload);
        for &stop in stops {
            herd.tell(stop);
        }
        herd.answer(herd.unanswered[0], Forks::Succeed);
        let successor = herd.workers_of(0)[1];
        let promise = "Stop: a successor whose fork is reported after the stop must be treated like every other \
                       worker. The state of this successor";
        herd.same(promise, herd.life(successor), end);
        for pid in everybody(&herd) {
            herd.dies(pid, GONE);
        }
        herd.same("Stop: done", herd.finished, Some(DONE));
    }
}

#[test]
fn a_worker_that_starts_has_the_whole_grace_too() {
    let mut herd = Herd::starting(1);
    let starting = herd.only_worker(0);
    herd.tell(Event::Stop);
    // It was asked to leave, so it need not get ready any more.
    let actions = herd.pass(READY_WITHIN);
    herd.same("Stop: the grace is the same for all, and not over", kills(&actions), vec![]);
    herd.sleeps_for(GRACE - READY_WITHIN, "Stop: deadline() is the end of the grace");
    herd.same("Stop: the grace is over", herd.life(starting), Life::Killed);
}

#[test]
fn a_fork_that_fails_after_the_stop_ends_the_wait() {
    let mut herd = Herd::new(1);
    herd.forks = Forks::Pend;
    herd.tell(Event::Start);
    herd.tell(Event::Stop);
    herd.answer(herd.unanswered[0], Forks::Fail);
    herd.same("Stop: there is no worker to wait for", herd.finished, Some(DONE));
}

#[test]
fn a_predecessor_keeps_its_own_earlier_end_when_the_herd_stops() {
    let mut herd = Herd::serving(1);
    let old = herd.only_worker(0);
    herd.tell(Event::Reload);
    herd.gets_ready(herd.workers_of(0)[1]);
    herd.pass(DRAIN - GRACE / 2);
    let actions = herd.tell(Event::Stop);
    herd.demand(
        terminates(&actions).contains(&old),
        &format!(
            "Stop: a worker that drains already must be asked to leave once more, even if its deadline does not \
             change, but worker {old} was not asked"
        ),
    );
    let actions = herd.pass(GRACE / 2);
    herd.same("Stop: no worker gets a second grace", kills(&actions), vec![old]);
}

#[test]
fn a_worker_that_hangs_while_it_leaves_is_ended_too() {
    let mut herd = Herd::serving(1);
    let old = herd.only_worker(0);
    herd.tell(Event::Reload);
    herd.gets_ready(herd.workers_of(0)[1]);
    herd.same("Slots: it leaves", herd.supervisor.leaving(0).map(|(_, pid)| pid), Some(old));
    herd.tell(Event::Hung { pid: old });
    herd.same("Hanging: it may leave a core", herd.life(old), Life::Aborted);
    let actions = herd.dies(old, Exit::Signal(6));
    herd.same("Hanging: its successor serves already", spawns(&actions), vec![]);
    herd.same("Notes: it was asked to leave before it hung, so its end is no news", notes(&actions), vec![]);
}

#[test]
fn a_stop_ends_a_long_drain() {
    let mut herd = Herd::serving(1);
    let old = herd.only_worker(0);
    herd.tell(Event::Reload);
    let new = herd.workers_of(0)[1];
    herd.gets_ready(new);
    herd.tell(Event::Stop);
    herd.dies(new, GONE);
    herd.sleeps_for(GRACE, "Stop: the grace is for all, also for a worker that had more time before");
    herd.same("Stop: the grace is over", herd.life(old), Life::Killed);
}

#[test]
fn a_worker_that_is_forked_after_the_stop_has_the_end_of_all_others() {
    let mut herd = Herd::new(1);
    herd.forks = Forks::Pend;
    herd.tell(Event::Start);
    herd.tell(Event::Stop);
    herd.pass(GRACE / 2);
    herd.answer(herd.unanswered[0], Forks::Succeed);
    herd.sleeps_for(GRACE / 2, "Stop: a latecomer gets no fresh grace period");
}

#[test]
fn a_stop_gives_a_worker_that_was_aborted_no_more_time() {
    let mut herd = Herd::serving(1);
    let hung = herd.only_worker(0);
    herd.tell(Event::Hung { pid: hung });
    herd.tell(Event::Stop);
    herd.sleeps_for(ABORTED_WITHIN, "Stop: it gives an aborted worker no more time");
}

#[test]
fn a_second_stop_spares_no_worker_that_may_outlive_the_grace() {
    const SHORT: Duration = Duration::from_secs(1);
    let mut herd = Herd::serving(1);
    herd.supervisor.set_patience(SHORT, DRAIN);
    let hung = herd.only_worker(0);
    herd.tell(Event::Hung { pid: hung });
    herd.tell(Event::Stop);
    herd.pass(SHORT);
    herd.same("Hanging: an abort has its own time, two seconds", herd.life(hung), Life::Aborted);
    let actions = herd.tell(Event::Stop);
    herd.same(
        "Stop: a second stop kills every worker that still lives, also after the grace (here 1 s), which an aborted \
         worker may outlive",
        kills(&actions),
        vec![hung],
    );
}

#[test]
fn the_grace_is_the_same_for_a_worker_that_may_still_take_longer_to_get_ready() {
    const SHORT: Duration = Duration::from_secs(1);
    let mut herd = Herd::starting(2);
    herd.supervisor.set_patience(SHORT, DRAIN);
    herd.gets_ready(herd.only_worker(0));
    herd.tell(Event::Stop);
    let actions = herd.pass(SHORT);
    let promise =
        "Stop: all are killed when the grace (here 1 s) is over, also a worker that had 5 s to get ready";
    herd.same(promise, sorted(kills(&actions)), everybody(&herd));
}

#[test]
fn a_stop_without_a_grace_asks_first_too() {
    let mut herd = Herd::serving(2);
    herd.supervisor.set_patience(Duration::ZERO, DRAIN);
    let actions = herd.tell(Event::Stop);
    let promise = "Stop: all are asked to leave before they are killed, also if the grace is 0 s";
    herd.same(promise, sorted(terminates(&actions)), everybody(&herd));
    herd.same(
        "Stop: all are killed when the grace (here 0 s) is over",
        sorted(kills(&actions)),
        everybody(&herd),
    );
}

//! How a herd ends.

use crate::herd::{
    ABORT_IS_OVER, DRAIN, Forks, GRACE, Herd, LAST_IS_GONE, Life, Listed, READY_WITHIN, kills, notes, spawns,
    terminates,
};
use prefork::{ABORTED_WITHIN, DONE, Event, Exit, Note, Pid};
use std::time::Duration;
use verdict::test;

const CRASH: Exit = Exit::Signal(11);
const GONE: Exit = Exit::Code(DONE);
const HOUR: Duration = Duration::from_secs(3600);
const MOMENT: Duration = Duration::from_millis(1);
const GRACE_GOES_ON: &str =
    "Stop: the grace is the same for all workers, and it is not over, so none may be killed yet";
const GRACE_ENDS: &str = "Stop: deadline() must be the end of the grace. Time until deadline()";
const GRACE_IS_OVER: &str = "Stop: the grace is over, so the worker must be killed. Its state";

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
    herd.lists("Stop: every worker must be asked to leave", sorted(terminates(&actions)), all.clone());
    herd.lists("Stop: no worker may be killed yet", kills(&actions), vec![]);
    for pid in all {
        herd.ends(&format!("Stop: worker {pid} is not gone yet, so the master must wait"), None);
        herd.dies(pid, GONE);
    }
    herd.ends(LAST_IS_GONE, Some(DONE));
}

#[test]
fn a_stop_reaches_workers_that_start_and_workers_that_drain_already() {
    let mut herd = Herd::serving(2);
    let old = herd.only_worker(0);
    herd.tell(Event::Reload);
    herd.gets_ready(herd.workers_of(0)[1]);
    herd.same(
        "Reload: the predecessor must have been asked to leave. Its state",
        herd.life(old),
        Life::Leaving,
    );
    // Slot 0: one drains, one serves. Slot 1: one serves, one starts.
    let all = everybody(&herd);
    let actions = herd.tell(Event::Stop);
    herd.lists(
        "Stop: every worker must be asked to leave, also one that starts or drains",
        sorted(terminates(&actions)),
        all,
    );
    herd.dies(herd.workers_of(1)[1], GONE);
    for pid in everybody(&herd) {
        herd.dies(pid, GONE);
    }
    herd.ends(LAST_IS_GONE, Some(DONE));
}

#[test]
fn a_worker_that_stays_past_the_grace_is_killed() {
    let mut herd = Herd::serving(2);
    let (quick, slow) = (herd.only_worker(0), herd.only_worker(1));
    herd.tell(Event::Stop);
    herd.dies(quick, GONE);
    let actions = herd.pass(GRACE - MOMENT);
    herd.lists(GRACE_GOES_ON, kills(&actions), vec![]);
    herd.sleeps_for(MOMENT, GRACE_ENDS);
    herd.same(GRACE_IS_OVER, herd.life(slow), Life::Killed);
    let actions = herd.dies(slow, Exit::Signal(9));
    herd.no_news(&actions, slow, "was killed");
    herd.ends(LAST_IS_GONE, Some(DONE));
}

#[test]
fn a_worker_that_hangs_is_aborted_then_killed_and_then_replaced() {
    let mut herd = Herd::serving(2);
    let hung = herd.only_worker(0);
    let actions = herd.tell(Event::Hung { pid: hung });
    herd.same(
        "Hanging: a worker that hangs gets a signal that can leave a core. Its state",
        herd.life(hung),
        Life::Aborted,
    );
    herd.demand(
        notes(&actions).contains(&Note::Hung { slot: 0, pid: hung }),
        "Hanging: a worker hangs. A Note(Hung) must say so",
    );
    let actions = herd.tell(Event::Hung { pid: hung });
    herd.same("Hanging: a worker that was reported before must get no second signal", actions, vec![]);
    herd.same(
        "Hanging: a worker that hangs does not serve. What serving(0) returns",
        herd.supervisor.serving(0),
        None,
    );
    herd.sleeps_for(ABORTED_WITHIN, ABORT_IS_OVER);
    herd.same(
        "Hanging: a worker that does not die of an abort must be killed. Its state",
        herd.life(hung),
        Life::Killed,
    );
    let actions = herd.dies(hung, Exit::Signal(9));
    herd.lists(
        "Hanging: the death of a worker that hung is unexpected, so a new one must come at once",
        spawns(&actions),
        vec![0],
    );
    let starting = herd.only_worker(0);
    let actions = herd.tell(Event::Hung { pid: starting });
    herd.same("Hanging: a worker that starts cannot hang, so nothing may happen", actions, vec![]);
    herd.gets_ready(starting);
    let seat = herd.workers[&starting].seat;
    herd.same(
        "Slots: the new worker is ready. What serving(0) returns",
        herd.supervisor.serving(0),
        Some((seat, starting)),
    );
}

#[test]
fn a_second_stop_kills_at_once() {
    for second in [Event::Stop, Event::StopNow] {
        let mut herd = Herd::serving(2);
        let all = everybody(&herd);
        herd.tell(Event::Stop);
        let actions = herd.tell(second);
        herd.lists("Stop: the second stop must kill every worker at once", sorted(kills(&actions)), all);
        let actions = herd.tell(second);
        herd.same("Stop: no worker may be killed twice", actions, vec![]);
    }
}

#[test]
fn stop_now_does_not_ask() {
    let mut herd = Herd::serving(2);
    let all = everybody(&herd);
    let actions = herd.tell(Event::StopNow);
    herd.lists("StopNow: every worker must be killed at once", sorted(kills(&actions)), all.clone());
    for pid in all {
        herd.dies(pid, Exit::Signal(9));
    }
    herd.ends(
        "Finish: the herd was stopped and the last worker is gone, so the master must end with DONE",
        Some(DONE),
    );
}

#[track_caller]
fn all_are_killed(herd: &Herd) {
    for pid in everybody(herd) {
        let promise = format!("StopNow: worker {pid} must be killed at once. Its state");
        herd.same(&promise, herd.life(pid), Life::Killed);
    }
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
        all_are_killed(&herd);
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
        all_are_killed(&herd);
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
    herd.lists(
        "Stop: after a stop, no worker may be spawned, neither after a death nor after a pause",
        spawns(&actions),
        vec![],
    );
    herd.ends(LAST_IS_GONE, Some(DONE));
}

#[test]
fn a_stop_does_not_wait_for_slots_that_are_empty() {
    let mut herd = Herd::serving(1);
    herd.dies(herd.only_worker(0), CRASH);
    herd.dies(herd.only_worker(0), CRASH);
    herd.tell(Event::Stop);
    let promise = "Finish: after a stop, it must come as soon as there is no worker, also without a death";
    herd.ends(promise, Some(DONE));
}

#[test]
fn a_herd_that_never_started_ends_at_once() {
    for stop in [Event::Stop, Event::StopNow] {
        let mut herd = Herd::new(2);
        herd.tell(stop);
        herd.ends("Stop: the herd has no worker, so the master must end at once", Some(DONE));
        let actions = herd.tell(Event::Start);
        herd.same(
            "Finish: it is the last action of all, so every later event must be ignored",
            actions,
            vec![],
        );
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
        herd.ends("Stop: a fork has not been answered yet, so the master must wait for its worker", None);
        herd.answer(herd.unanswered[0], Forks::Succeed);
        let pid = herd.only_worker(0);
        let promise = "Stop: a worker whose fork is reported after the stop must be treated like every other \
                       worker. The state of this worker";
        herd.same(promise, herd.life(pid), end);
        herd.dies(pid, GONE);
        herd.ends(LAST_IS_GONE, Some(DONE));
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
        herd.ends(LAST_IS_GONE, Some(DONE));
    }
}

#[test]
fn a_worker_that_starts_has_the_whole_grace_too() {
    let mut herd = Herd::starting(1);
    let starting = herd.only_worker(0);
    herd.tell(Event::Stop);
    // It was asked to leave, so it need not get ready any more.
    let actions = herd.pass(READY_WITHIN);
    herd.lists(GRACE_GOES_ON, kills(&actions), vec![]);
    herd.sleeps_for(GRACE - READY_WITHIN, GRACE_ENDS);
    herd.same(GRACE_IS_OVER, herd.life(starting), Life::Killed);
}

#[test]
fn a_fork_that_fails_after_the_stop_ends_the_wait() {
    let mut herd = Herd::new(1);
    herd.forks = Forks::Pend;
    herd.tell(Event::Start);
    herd.tell(Event::Stop);
    herd.answer(herd.unanswered[0], Forks::Fail);
    herd.ends("Stop: the fork has failed, so the herd has no worker, and the master must end", Some(DONE));
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
    let promise =
        "Stop: a worker that drains keeps its earlier deadline. Its time is over, so it must be killed";
    herd.lists(promise, kills(&actions), vec![old]);
}

#[test]
fn a_worker_that_hangs_while_it_leaves_is_ended_too() {
    let mut herd = Herd::serving(1);
    let old = herd.only_worker(0);
    herd.tell(Event::Reload);
    herd.gets_ready(herd.workers_of(0)[1]);
    herd.same(
        "Slots: the predecessor was asked to leave. What leaving(0) returns",
        herd.supervisor.leaving(0).map(|(_, pid)| pid),
        Some(old),
    );
    herd.tell(Event::Hung { pid: old });
    herd.same(
        "Hanging: a worker that hangs gets a signal that can leave a core. Its state",
        herd.life(old),
        Life::Aborted,
    );
    let actions = herd.dies(old, Exit::Signal(6));
    herd.lists(
        "Hanging: the successor of this worker serves already, so no other may be spawned",
        spawns(&actions),
        vec![],
    );
    herd.no_news(&actions, old, "hung");
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
    herd.sleeps_for(
        GRACE,
        "Stop: the grace is for all, also for a worker that had more time before. Time until deadline()",
    );
    herd.same(GRACE_IS_OVER, herd.life(old), Life::Killed);
}

#[test]
fn a_worker_that_is_forked_after_the_stop_has_the_end_of_all_others() {
    let mut herd = Herd::new(1);
    herd.forks = Forks::Pend;
    herd.tell(Event::Start);
    herd.tell(Event::Stop);
    herd.pass(GRACE / 2);
    herd.answer(herd.unanswered[0], Forks::Succeed);
    let promise = "Stop: the worker was reported 5 s after the stop, and must be killed when the grace of the others \
                   ends. Time until deadline()";
    herd.sleeps_for(GRACE / 2, promise);
}

#[test]
fn a_stop_gives_a_worker_that_was_aborted_no_more_time() {
    let mut herd = Herd::serving(1);
    let hung = herd.only_worker(0);
    herd.tell(Event::Hung { pid: hung });
    herd.tell(Event::Stop);
    let promise =
        "Stop: a worker that was aborted has two seconds, also if a stop comes. Time until deadline()";
    herd.sleeps_for(ABORTED_WITHIN, promise);
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
    herd.same(
        "Hanging: a worker that was aborted has two seconds, also if the grace is shorter. Its state",
        herd.life(hung),
        Life::Aborted,
    );
    let actions = herd.tell(Event::Stop);
    herd.lists(
        "Stop: a second stop must kill every worker that still lives, also after the grace (here 1 s), which an \
         aborted worker may outlive",
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
        "Stop: all must be killed when the grace (here 1 s) is over, also a worker that had 5 s to get ready";
    herd.lists(promise, sorted(kills(&actions)), everybody(&herd));
}

#[test]
fn a_stop_without_a_grace_asks_first_too() {
    let mut herd = Herd::serving(2);
    herd.supervisor.set_patience(Duration::ZERO, DRAIN);
    let actions = herd.tell(Event::Stop);
    let promise = "Stop: all must be asked to leave before they are killed, also if the grace is 0 s";
    herd.lists(promise, sorted(terminates(&actions)), everybody(&herd));
    herd.lists(
        "Stop: all must be killed when the grace (here 0 s) is over",
        sorted(kills(&actions)),
        everybody(&herd),
    );
}

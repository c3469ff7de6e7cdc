//! Reload: the rolling replacement of all workers.

use crate::deaths::fail_to_start;
use crate::herd::{
    ABORT_IS_OVER, DRAIN, Forks, GRACE, Herd, LAST_IS_GONE, Life, READY_WITHIN, kills, notes, spawns,
    terminates,
};
use prefork::{ABORTED_WITHIN, Action, CANNOT_START, DONE, Event, Exit, FIRST_PAUSE, Note, Pid};
use std::time::Duration;
use verdict::test;

const CRASH: Exit = Exit::Signal(11);
const HOUR: Duration = Duration::from_secs(3600);

/// The successor in a slot whose predecessor is still there.
#[track_caller]
fn successor(herd: &Herd, slot: usize) -> Pid {
    let workers = herd.workers_of(slot);
    let promise = format!(
        "Reload: slot {slot} must have two workers now, an old one and its successor. How many it has"
    );
    herd.same(&promise, workers.len(), 2);
    workers[1]
}

const NO_OTHER: &str = "Reload: the roll is abandoned, so no other successor may be tried";
const OLD_STAYS: &str = "Reload: the roll is abandoned, so the old worker must stay. Its state";
const ONE_EACH: &str = "Slots: each must have one worker now. How many workers live";

/// Fails unless a note says that the roll ended at slot 0. `why` says what ended it.
#[track_caller]
fn is_abandoned(herd: &Herd, actions: &[Action], why: &str) {
    let told = notes(actions).contains(&Note::RollAbandoned { slot: 0 });
    herd.demand(told, &format!("{why}. A Note(RollAbandoned {{ slot: 0 }}) must say so"));
}

/// Lets the successor in slot 0 die before it is ready, which must end the roll.
#[track_caller]
fn successor_fails(herd: &mut Herd, how: Exit) -> Vec<Action> {
    let pid = successor(herd, 0);
    let actions = herd.dies(pid, how);
    is_abandoned(
        herd,
        &actions,
        &format!("Reload: successor {pid} died before it was ready, so the roll is abandoned"),
    );
    actions
}

#[test]
fn a_reload_replaces_one_slot_at_a_time() {
    let mut herd = Herd::serving(3);
    let old: Vec<Pid> = (0..3).map(|slot| herd.only_worker(slot)).collect();
    let actions = herd.tell(Event::Reload);
    herd.lists(
        "Reload: a roll begins with the first slot that has an old worker, and with no other",
        spawns(&actions),
        vec![0],
    );
    herd.lists(
        "Reload: the predecessor must serve until its successor is ready",
        terminates(&actions),
        vec![],
    );
    for (slot, &predecessor) in old.iter().enumerate() {
        let actions = herd.gets_ready(successor(&herd, slot));
        herd.lists(
            "Reload: the successor is ready, so its predecessor must be asked to leave",
            terminates(&actions),
            vec![predecessor],
        );
        let next: Vec<usize> = if slot < 2 { vec![slot + 1] } else { vec![] };
        herd.lists(
            "Reload: the successor is ready, so the next slot, if there is one, must follow at once. It must not \
             wait for the predecessor to be gone",
            spawns(&actions),
            next,
        );
    }
    for pid in old {
        let actions = herd.dies(pid, Exit::Code(0));
        herd.lists("Reload: a worker that was asked to leave must not be replaced", spawns(&actions), vec![]);
    }
    herd.same(ONE_EACH, herd.workers.len(), 3);
    herd.same("Reload: a successor is not a restart. How many Restarted there were", herd.restarts, 0);
}

#[test]
fn a_predecessor_that_does_not_leave_is_killed() {
    let mut herd = Herd::serving(1);
    let old = herd.only_worker(0);
    herd.tell(Event::Reload);
    let new = successor(&herd, 0);
    herd.gets_ready(new);
    let actions = herd.pass(DRAIN - GRACE);
    herd.lists(
        "Reload: a worker that is replaced may serve its last clients until the drain is over, so it must not be \
         killed yet",
        kills(&actions),
        vec![],
    );
    let actions = herd.pass(GRACE);
    herd.lists("Reload: the drain is over, so the predecessor must be killed", kills(&actions), vec![old]);
    let actions = herd.dies(old, Exit::Signal(9));
    herd.lists(
        "Reload: the successor is there already, so no worker may be spawned when the predecessor dies",
        spawns(&actions),
        vec![],
    );
    herd.no_news(&actions, old, "was killed");
    herd.same("Reload: the successor must serve. Its state", herd.life(new), Life::Serving);
}

#[test]
fn a_slot_waits_for_its_free_seat() {
    let mut herd = Herd::serving(1);
    let old = herd.only_worker(0);
    herd.tell(Event::Reload);
    herd.gets_ready(successor(&herd, 0));
    let actions = herd.tell(Event::Reload);
    herd.lists(
        "Seats: both are taken, one by a worker that still drains, so a successor must wait",
        spawns(&actions),
        vec![],
    );
    let actions = herd.tell(Event::Reload);
    herd.same(
        "Notes: a roll that waits for a seat must be announced once, and not at each reload",
        notes(&actions),
        vec![],
    );
    let actions = herd.dies(old, Exit::Code(0));
    herd.lists(
        "Seats: one is free now, so the successor that waited for it must be spawned",
        spawns(&actions),
        vec![0],
    );
}

#[test]
fn a_successor_that_dies_before_it_is_ready_ends_the_roll() {
    for how in [Exit::Code(CANNOT_START), CRASH, Exit::Code(0)] {
        let mut herd = Herd::serving(2);
        let old: Vec<Pid> = herd.workers.keys().copied().collect();
        herd.tell(Event::Reload);
        let actions = successor_fails(&mut herd, how);
        herd.demand(
            !notes(&actions).contains(&Note::RollFinished),
            "Notes: a roll that was abandoned is not finished, because the old workers stay. No Note(RollFinished) may \
             say so",
        );
        let mut later = herd.pass(HOUR);
        later.extend(actions);
        herd.lists(NO_OTHER, spawns(&later), vec![]);
        for pid in old {
            herd.same(OLD_STAYS, herd.life(pid), Life::Serving);
        }
    }
}

#[test]
fn a_successor_that_does_not_get_ready_ends_the_roll() {
    let mut herd = Herd::serving(1);
    let old = herd.only_worker(0);
    herd.tell(Event::Reload);
    let late = successor(&herd, 0);
    let actions = herd.pass(READY_WITHIN);
    herd.lists(
        "Reload: a successor that is not ready in time must be killed, as any other worker",
        kills(&actions),
        vec![late],
    );
    let actions = successor_fails(&mut herd, Exit::Signal(9));
    herd.same(OLD_STAYS, herd.life(old), Life::Serving);
    herd.lists(NO_OTHER, spawns(&actions), vec![]);
}

#[test]
fn a_successor_that_cannot_be_forked_ends_the_roll() {
    let mut herd = Herd::serving(1);
    herd.forks = Forks::Fail;
    let actions = herd.tell(Event::Reload);
    is_abandoned(&herd, &actions, "Reload: the successor could not be forked, so the roll is abandoned");
    let actions = herd.pass(HOUR);
    herd.lists(NO_OTHER, spawns(&actions), vec![]);
    herd.same(OLD_STAYS, herd.life(herd.only_worker(0)), Life::Serving);
}

#[test]
fn a_roll_that_was_abandoned_can_be_tried_again() {
    let mut herd = Herd::serving(2);
    herd.tell(Event::Reload);
    successor_fails(&mut herd, CRASH);
    let actions = herd.tell(Event::Reload);
    let promise = "Reload: the roll before was abandoned. A new Reload must begin a new roll, with slot 0";
    herd.lists(promise, spawns(&actions), vec![0]);
}

#[test]
fn a_serving_worker_that_dies_while_it_is_replaced_needs_no_second_successor() {
    let mut herd = Herd::serving(2);
    let old = herd.only_worker(0);
    herd.tell(Event::Reload);
    let new = successor(&herd, 0);
    let actions = herd.dies(old, CRASH);
    let promise = format!(
        "Reload: worker {old} died while its successor {new} was starting. {new} holds the post now, so slot 0 gets \
         no other worker. {new} is not ready yet, so slot 1 must wait"
    );
    herd.lists(&promise, spawns(&actions), vec![]);
    let actions = herd.gets_ready(new);
    herd.lists(
        "Reload: the successor is ready, so the roll must go on with the next slot",
        spawns(&actions),
        vec![1],
    );
    herd.lists(
        "Reload: the predecessor is dead, so no worker may be asked to leave",
        terminates(&actions),
        vec![],
    );
}

#[test]
fn a_successor_left_alone_is_replaced_once_when_it_dies() {
    let mut herd = Herd::serving(1);
    let old = herd.only_worker(0);
    herd.tell(Event::Reload);
    let new = successor(&herd, 0);
    herd.dies(old, CRASH);
    let mut actions = herd.dies(new, CRASH);
    let why = format!(
        "Death: successor {new} died before it was ready, so the roll ends, even if its predecessor is dead (see \
         what the todo of `exited` asks for)"
    );
    is_abandoned(&herd, &actions, &why);
    // Whether the first of the two deaths counts is left open, because its successor was there already.
    if herd.workers.is_empty() {
        actions.extend(herd.pass(FIRST_PAUSE));
    }
    herd.lists(
        "Death: slot 0 has no worker now, so this death must be answered with one",
        spawns(&actions),
        vec![0],
    );
    herd.only_worker(0);
}

#[test]
fn a_successor_whose_fork_fails_after_its_predecessor_died_is_tried_again() {
    let mut herd = Herd::serving(1);
    herd.forks = Forks::Pend;
    let old = herd.only_worker(0);
    herd.tell(Event::Reload);
    let actions = herd.dies(old, CRASH);
    herd.lists(
        "Death: a successor is being forked already, so no other worker may be spawned",
        spawns(&actions),
        vec![],
    );
    herd.forks = Forks::Succeed;
    herd.answer(herd.unanswered[0], Forks::Fail);
    herd.sleep();
    herd.only_worker(0);
    herd.same(
        "Restarted: the new worker replaces a dead one, so there must be one Restarted. How many there were",
        herd.restarts,
        1,
    );
}

/// Lets every starting worker get ready, and every leaving one exit, until nothing changes.
fn settle_down(herd: &mut Herd) {
    loop {
        let mover = herd
            .workers
            .iter()
            .find(|(_, worker)| worker.life != Life::Serving)
            .map(|(&pid, w)| (pid, w.life));
        match mover {
            None => return,
            Some((pid, Life::Starting)) => herd.gets_ready(pid),
            Some((pid, _)) => herd.dies(pid, Exit::Code(0)),
        };
    }
}

#[test]
fn a_reload_during_a_roll_makes_all_workers_new_once_more() {
    let mut herd = Herd::serving(3);
    herd.tell(Event::Reload);
    herd.gets_ready(successor(&herd, 0));
    // Slot 0 is done, slot 1 in progress, slot 2 untouched.
    let youngest = *herd.workers.keys().last().expect("a herd");
    let actions = herd.tell(Event::Reload);
    herd.lists(
        "Reload: a reload that comes during a roll must be done afterwards. The successor may still get ready, so it \
         must not be killed",
        kills(&actions),
        vec![],
    );
    settle_down(&mut herd);
    herd.same(ONE_EACH, herd.workers.len(), 3);
    let all_new = herd.workers.keys().all(|&pid| pid > youngest);
    herd.demand(
        all_new,
        "Reload: a worker that was forked before the last reload has an old configuration, so it must be replaced",
    );
}

#[test]
fn a_reload_that_comes_before_a_roll_fails_is_still_done() {
    let mut herd = Herd::serving(2);
    herd.tell(Event::Reload);
    let broken = successor(&herd, 0);
    herd.tell(Event::Reload);
    let actions = successor_fails(&mut herd, Exit::Code(CANNOT_START));
    let told: Vec<Note> = notes(&actions);
    let at = |wanted: Note| told.iter().position(|note| *note == wanted);
    herd.demand(
        at(Note::RollStarted) > at(Note::RollAbandoned { slot: 0 }),
        "Notes: a roll follows the abandoned one. A Note(RollStarted) must say so, after the Note(RollAbandoned)",
    );
    settle_down(&mut herd);
    let all_new = herd.workers.keys().all(|&pid| pid > broken);
    herd.demand(
        all_new,
        "Reload: a reload that comes during a roll must be done afterwards, however that roll ends",
    );
}

#[test]
fn two_reloads_that_come_before_a_roll_fails_are_still_done() {
    let mut herd = Herd::serving(1);
    herd.tell(Event::Reload);
    let broken = successor(&herd, 0);
    herd.tell(Event::Reload);
    herd.tell(Event::Reload);
    let actions = herd.dies(broken, CRASH);
    herd.lists(
        "Reload: two reloads came during a roll that then failed. A new roll must follow it, one for both",
        spawns(&actions),
        vec![0],
    );
    let actions = herd.dies(successor(&herd, 0), CRASH);
    herd.lists(
        "Reload: the roll for both reloads has failed, and no reload came after it, so no other roll may follow",
        spawns(&actions),
        vec![],
    );
}

#[test]
fn a_roll_is_finished_although_a_slot_waits_for_its_next_worker() {
    let mut herd = Herd::serving(2);
    herd.dies(herd.only_worker(0), CRASH);
    herd.dies(herd.only_worker(0), CRASH);
    herd.tell(Event::Reload);
    let actions = herd.gets_ready(successor(&herd, 1));
    herd.demand(
        notes(&actions).contains(&Note::RollFinished),
        "Notes: a roll is finished when no old worker has a post, even if a slot has no worker at the moment. A \
         Note(RollFinished) must say so",
    );
}

#[test]
fn a_reload_revives_slots_that_were_given_up() {
    let mut herd = Herd::starting(2);
    herd.gets_ready(herd.only_worker(1));
    for _ in 0..5 {
        while herd.workers_of(0).is_empty() {
            herd.sleep();
        }
        herd.dies(herd.only_worker(0), Exit::Code(CANNOT_START));
    }
    let restarts = herd.restarts;
    let actions = herd.tell(Event::Reload);
    herd.demand(
        spawns(&actions).contains(&0),
        "Reload: a slot that was given up must start again, but slot 0 does not",
    );
    herd.gets_ready(herd.only_worker(0));
    settle_down(&mut herd);
    herd.same(ONE_EACH, herd.workers.len(), 2);
    herd.same(
        "Restarted: a worker for a slot that was given up is not a restart. How many Restarted there were",
        herd.restarts,
        restarts,
    );
    let actions = herd.dies(herd.only_worker(0), CRASH);
    herd.lists(
        "Giving up: the reload has cleared the record of slot 0, so a new worker must follow this death at once",
        spawns(&actions),
        vec![0],
    );
}

#[test]
fn a_reload_revives_every_slot_that_was_given_up() {
    let mut herd = Herd::starting(3);
    herd.gets_ready(herd.only_worker(1));
    fail_to_start(&mut herd, 0, 5);
    fail_to_start(&mut herd, 2, 5);
    let actions = herd.tell(Event::Reload);
    for slot in [0, 2] {
        let promise =
            format!("Reload: each slot that was given up must start again, but slot {slot} does not");
        herd.demand(spawns(&actions).contains(&slot), &promise);
    }
}

#[test]
fn a_herd_that_gave_up_waits_for_a_worker_that_drains() {
    for (stops, code) in [(false, CANNOT_START), (true, DONE)] {
        let mut herd = Herd::serving(1);
        let old = herd.only_worker(0);
        herd.tell(Event::Reload);
        let new = successor(&herd, 0);
        herd.gets_ready(new);
        herd.dies(new, CRASH);
        for _ in 0..5 {
            while herd.workers_of(0) == [old] {
                herd.sleep();
            }
            herd.dies(successor(&herd, 0), Exit::Code(CANNOT_START));
        }
        herd.demand(
            herd.given_up.contains(&0),
            "Giving up: five workers of slot 0 in a row could not start, so it must be given up",
        );
        herd.ends(&format!("Giving up: worker {old} still runs, so the master must wait"), None);
        if stops {
            herd.tell(Event::Stop);
        }
        herd.dies(old, Exit::Code(DONE));
        let promise = "Giving up: when no worker runs any more, the master must end, with CANNOT_START, or with DONE \
                       if it was stopped";
        herd.ends(promise, Some(code));
    }
}

#[test]
fn successors_that_cannot_start_do_not_give_up_a_slot_whose_worker_serves() {
    let mut herd = Herd::serving(1);
    let old = herd.only_worker(0);
    for _ in 0..5 {
        herd.tell(Event::Reload);
        herd.dies(successor(&herd, 0), Exit::Code(CANNOT_START));
    }
    let actions = herd.dies(old, CRASH);
    herd.demand(
        !notes(&actions).contains(&Note::GivenUp { slot: 0 }),
        &format!(
            "Giving up: five successors failed, but none of them held the post. Worker {old} held it, and it was \
             ready. So slot 0 must not be given up"
        ),
    );
    let promise = "Reload: a failed successor must make no pause longer. Five failed, then the worker that served \
                   died: this is the first death of the slot's record, so a new worker must come at once";
    herd.lists(promise, spawns(&actions), vec![0]);
}

#[test]
fn a_revived_slot_still_knows_which_worker_drains_in_it() {
    let mut herd = Herd::serving(1);
    let old = herd.only_worker(0);
    herd.tell(Event::Reload);
    herd.gets_ready(successor(&herd, 0));
    // Its successors cannot start, until the slot is given up; the old worker still drains.
    herd.dies(successor(&herd, 0), CRASH);
    for _ in 0..5 {
        while herd.workers_of(0) == [old] {
            herd.sleep();
        }
        herd.dies(successor(&herd, 0), Exit::Code(CANNOT_START));
    }
    herd.tell(Event::Reload);
    let actions = herd.dies(old, Exit::Code(0));
    let settled = actions.iter().any(|action| matches!(action, Action::Settle { pid, .. } if *pid == old));
    herd.demand(
        settled,
        "Settle: a worker that drained in a slot must be settled, also after a reload has revived the slot",
    );
}

#[test]
fn workers_that_still_start_are_replaced_too() {
    let mut herd = Herd::starting(1);
    let old = herd.only_worker(0);
    herd.tell(Event::Reload);
    let actions = herd.gets_ready(successor(&herd, 0));
    let promise = format!("Reload: worker {old} was forked before the reload, so it must be asked to leave");
    herd.lists(&promise, terminates(&actions), vec![old]);
}

#[test]
fn a_worker_whose_fork_is_answered_after_the_reload_is_replaced_too() {
    let mut herd = Herd::new(1);
    herd.forks = Forks::Pend;
    herd.tell(Event::Start);
    herd.tell(Event::Reload);
    herd.forks = Forks::Succeed;
    let actions = herd.answer(herd.unanswered[0], Forks::Succeed);
    herd.lists(
        "Reload: this worker was asked for before the reload, so its configuration may be old, and it must be \
         replaced",
        spawns(&actions),
        vec![0],
    );
}

#[test]
fn a_successor_whose_fork_is_answered_after_the_next_reload_is_replaced_too() {
    let mut herd = Herd::serving(1);
    let old = herd.only_worker(0);
    herd.forks = Forks::Pend;
    herd.tell(Event::Reload);
    herd.tell(Event::Reload);
    herd.forks = Forks::Succeed;
    herd.answer(herd.unanswered[0], Forks::Succeed);
    let mut actions = herd.gets_ready(successor(&herd, 0));
    actions.extend(herd.dies(old, Exit::Code(0)));
    herd.lists(
        "Reload: the successor was asked for before the last reload, so it must be replaced, too",
        spawns(&actions),
        vec![0],
    );
}

#[test]
fn an_operator_is_told_when_each_roll_begins_and_ends() {
    let mut herd = Herd::serving(2);
    for _ in 0..2 {
        let mut told = notes(&herd.tell(Event::Reload));
        herd.demand(
            told.contains(&Note::RollStarted),
            "Notes: a roll begins. A Note(RollStarted) must say so",
        );
        for slot in 0..2 {
            let (old, new) = (herd.workers_of(slot)[0], successor(&herd, slot));
            herd.demand(
                !told.contains(&Note::RollFinished),
                "Notes: a roll is finished with its last slot, and no Note(RollFinished) may come before",
            );
            told = notes(&herd.gets_ready(new));
            told.extend(notes(&herd.dies(old, Exit::Code(0))));
        }
        herd.demand(
            told.contains(&Note::RollFinished),
            "Notes: a roll has ended, because all workers are replaced. A Note(RollFinished) must say so",
        );
    }
}

#[test]
fn a_slot_that_waits_for_its_next_worker_is_passed_over() {
    let mut herd = Herd::serving(2);
    herd.dies(herd.only_worker(0), CRASH);
    herd.dies(herd.only_worker(0), CRASH);
    let actions = herd.tell(Event::Reload);
    herd.lists(
        "Reload: slot 0 is empty, and its next worker will be new anyway, so the roll must begin with slot 1",
        spawns(&actions),
        vec![1],
    );
}

#[test]
fn a_reload_after_a_stop_changes_nothing() {
    let mut herd = Herd::serving(2);
    // Slot 0 waits for its next worker when the stop comes.
    herd.dies(herd.only_worker(0), CRASH);
    herd.dies(herd.only_worker(0), CRASH);
    herd.tell(Event::Stop);
    let actions = herd.tell(Event::Reload);
    herd.same(
        "Reload: a herd that was stopped needs no new configuration, so a reload must do nothing",
        actions,
        vec![],
    );
    herd.dies(herd.only_worker(1), Exit::Code(0));
    herd.ends(LAST_IS_GONE, Some(DONE));
}

#[test]
fn a_stop_ends_a_roll() {
    let mut herd = Herd::serving(2);
    herd.tell(Event::Reload);
    let new = successor(&herd, 0);
    herd.tell(Event::Stop);
    let actions = herd.gets_ready(new);
    herd.same("Stop: a successor that gets ready after the stop must change nothing", actions, vec![]);
    for pid in herd.workers.keys().copied().collect::<Vec<Pid>>() {
        let actions = herd.dies(pid, Exit::Code(0));
        let promise = format!(
            "Stop: the stop has ended the roll and asked worker {pid} to leave, so no note may report either"
        );
        herd.same(&promise, notes(&actions), vec![]);
    }
    herd.ends(LAST_IS_GONE, Some(DONE));
}

#[test]
fn a_predecessor_that_crashes_while_it_leaves_is_no_news() {
    let mut herd = Herd::serving(1);
    let old = herd.only_worker(0);
    herd.tell(Event::Reload);
    herd.gets_ready(successor(&herd, 0));
    let actions = herd.dies(old, CRASH);
    herd.no_news(&actions, old, "crashed");
}

#[test]
fn a_reload_before_the_start_is_not_heard() {
    let mut herd = Herd::new(1);
    let actions = herd.tell(Event::Reload);
    herd.same("Reload: before the start, nothing but a stop may have an effect", actions, vec![]);
}

#[test]
fn a_roll_waits_for_a_seat_and_passes_no_slot_over() {
    let mut herd = Herd::serving(2);
    herd.tell(Event::Reload);
    herd.gets_ready(successor(&herd, 0));
    herd.gets_ready(successor(&herd, 1));
    // Slot 1's predecessor is gone; slot 0's still drains, so slot 0 has no seat.
    herd.dies(herd.workers_of(1)[0], Exit::Code(0));
    let actions = herd.tell(Event::Reload);
    let promise = "Reload: one slot at a time, in order. Slot 0 is first and waits for a seat, so slot 1 must wait, \
                   too";
    herd.lists(promise, spawns(&actions), vec![]);
}

#[test]
fn a_reload_after_an_abandoned_roll_replaces_all_workers() {
    let mut herd = Herd::serving(2);
    let first = herd.only_worker(0);
    herd.tell(Event::Reload);
    herd.gets_ready(successor(&herd, 0));
    herd.dies(first, Exit::Code(0));
    herd.dies(successor(&herd, 1), CRASH);
    let actions = herd.tell(Event::Reload);
    let promise = "Reload: slot 0's worker was forked in the abandoned roll, which is before this reload, so it is \
                   old, too, and must be replaced first";
    herd.lists(promise, spawns(&actions), vec![0]);
}

#[test]
fn a_roll_that_waits_and_is_ended_by_a_stop_has_not_finished() {
    let mut herd = Herd::serving(1);
    herd.tell(Event::Reload);
    herd.gets_ready(successor(&herd, 0));
    herd.tell(Event::Reload);
    let actions = herd.tell(Event::Stop);
    herd.same(
        "Notes: a roll that a stop has ended is not finished, and no note may say so",
        notes(&actions),
        vec![],
    );
}

#[test]
fn a_replaced_worker_has_the_drain_also_if_that_is_shorter_than_the_grace() {
    const SHORT: Duration = Duration::from_secs(3);
    let mut herd = Herd::serving(1);
    herd.supervisor.set_patience(GRACE, SHORT);
    let old = herd.only_worker(0);
    herd.tell(Event::Reload);
    herd.gets_ready(successor(&herd, 0));
    let actions = herd.pass(SHORT);
    herd.lists(
        "Reload: a predecessor that stays longer than the drain (here 3 s) must be killed, although the grace is \
         longer (10 s)",
        kills(&actions),
        vec![old],
    );
}

#[test]
fn a_reload_clears_no_record() {
    let mut herd = Herd::serving(1);
    herd.dies(herd.only_worker(0), CRASH);
    herd.dies(herd.only_worker(0), CRASH);
    herd.sleep();
    let old = herd.only_worker(0);
    herd.gets_ready(old);
    herd.tell(Event::Reload);
    herd.gets_ready(successor(&herd, 0));
    herd.dies(old, Exit::Code(0));
    let actions = herd.dies(herd.only_worker(0), CRASH);
    let promise = "Reload: neither a reload nor a new worker clears the record. Two workers died before the reload, \
                   so this worker is the third in a row";
    herd.pauses(promise, &actions, FIRST_PAUSE * 2);
}

#[test]
fn a_predecessor_that_hangs_has_the_time_to_leave_a_core() {
    let mut herd = Herd::serving(1);
    let hung = herd.only_worker(0);
    herd.tell(Event::Reload);
    herd.tell(Event::Hung { pid: hung });
    let actions = herd.gets_ready(successor(&herd, 0));
    let promise = "Reload: a predecessor that hangs may still leave a core when its successor is ready. It may be \
                   killed only if it does not die of the abort within two seconds (ABORTED_WITHIN)";
    herd.lists(promise, kills(&actions), vec![]);
    herd.sleeps_for(ABORTED_WITHIN, ABORT_IS_OVER);
    herd.same(
        "Hanging: a worker that does not die of an abort must be killed. Its state",
        herd.life(hung),
        Life::Killed,
    );
}

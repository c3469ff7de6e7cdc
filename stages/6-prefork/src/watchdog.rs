//! How the master notices workers that are alive but do not move although work waits.
//!
//! A worker that has nothing to do does not move either. So its pulse only counts from when something waits for it
//! until it moves, even if other workers do the waiting work in the meantime. (Compare the watchdogs of unicorn and
//! gunicorn, whose workers have to move all the time.)
//!
//! | what is taken            | moves with             | what waits for it                      |
//! |--------------------------|------------------------|----------------------------------------|
//! | the pulse of a reception | each turn of its loop  | the backlog of the slot's socket       |
//! | the pulse of a pool      | each request it takes  | the queue                              |
//!
use crate::covering::Board;
use nix::libc;
use nix::unistd::Pid;
use parts::prefork::{Event, ListeningSocket, Supervisor};
use parts::stats::{SEATS, Seat, SharedStats, Why};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often pulses are taken.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// How long a reception may stand still while clients wait, before other workers accept for it.
const COVERED_AFTER: Duration = Duration::from_secs(1);

/// How many clients wait to be accepted from a socket; 0 if the kernel does not say.
fn backlog(socket: &ListeningSocket) -> u32 {
    let mut info = MaybeUninit::<libc::tcp_info>::zeroed();
    let mut length = size_of_val(&info) as libc::socklen_t;
    #[allow(unsafe_code)]
    // SAFETY: the kernel writes at most `length` bytes to `info`. A `tcp_info` is made of integers, for which all-zero
    // bytes, and whatever the kernel writes there, are values. (nix can set options of other crates, but not get them.)
    let info = unsafe {
        let descriptor = socket.as_fd().as_raw_fd();
        libc::getsockopt(
            descriptor,
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            info.as_mut_ptr().cast(),
            &mut length,
        );
        info.assume_init()
    };
    // For a listening socket, this field holds the backlog's length (tcp_get_info in the kernel; ss(8) shows it under
    // Recv-Q).
    info.tcpi_unacked
}

/// One pulse.
#[derive(Debug, Default)]
struct Pulse {
    beats: u64,
    /// When something began to wait with nothing moving since; `None` if nothing has waited since the last beat.
    still_since: Option<Instant>,
}

/// The pulses of one worker.
#[derive(Debug, Default)]
struct Pulses {
    pid: Option<Pid>,
    reception: Pulse,
    pool: Pulse,
    health: Health,
}

/// The pulses of all workers.
#[derive(Debug)]
pub struct Watchdog {
    board: Board,
    stats: Arc<SharedStats>,
    /// For the two seats of each slot.
    pulses: Vec<[Pulses; SEATS]>,
    next_look: Instant,
}

/// How a worker seems to be.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Health {
    /// It moves, or has no reason to.
    #[default]
    Well,
    /// Its reception has not moved for [`COVERED_AFTER`].
    Stuck,
    /// Its reception or its pool has not moved for the time limit.
    Hung,
}

impl Watchdog {
    /// A watchdog that reports stuck workers on this board.
    pub fn new(board: Board, stats: Arc<SharedStats>) -> Watchdog {
        let pulses = (0..stats.slots()).map(|_| Default::default()).collect();
        Watchdog { board, stats, pulses, next_look: Instant::now() }
    }

    /// When to look next.
    pub fn next_look(&self) -> Instant {
        self.next_look
    }

    /// Takes all pulses, if it is time. Stuck workers get cover; hung workers are returned. `sockets` are those of the
    /// slots, and `limit` is how long a worker may stand still.
    pub fn look(
        &mut self,
        now: Instant,
        sockets: &[ListeningSocket],
        supervisor: &Supervisor,
        limit: Duration,
    ) -> Vec<Event> {
        let mut hung = Vec::new();
        if now < self.next_look {
            return hung;
        }
        self.next_look = now + LOOK_EVERY;
        for (slot, socket) in sockets.iter().enumerate() {
            let backlog = backlog(socket);
            if backlog > 0 && self.stats.slot(slot).cover().is_needed() {
                // The worker that was woken for these clients may have died since.
                self.board.remind();
            }
            let mut take = |(seat, pid): (usize, Pid), waiting| {
                let gauges = self.stats.slot(slot).seat(seat);
                let health = self.pulses[slot][seat].take(now, pid, gauges, waiting, limit);
                if health == Health::Hung {
                    hung.push(Event::Hung { pid });
                }
                health
            };
            if let Some(worker) = supervisor.serving(slot) {
                let health = take(worker, backlog > 0);
                self.board.set(slot, Why::Stuck, health != Health::Well);
            }
            if let Some(worker) = supervisor.leaving(slot) {
                // It still has clients, or it would be gone; and while it has, it must turn to check their deadlines.
                take(worker, true);
            }
        }
        hung
    }

    /// The workers that did not move at the last look.
    pub fn stuck(&self, supervisor: &Supervisor) -> Vec<Event> {
        let serving = (0..self.pulses.len()).filter_map(|slot| Some((slot, supervisor.serving(slot)?)));
        let stuck = serving.filter(|&(slot, (seat, _))| self.pulses[slot][seat].health != Health::Well);
        stuck.map(|(_, (_, pid))| Event::Hung { pid }).collect()
    }
}

impl Pulse {
    /// For how long nothing has moved although something waited.
    fn take(&mut self, now: Instant, beats: u64, waiting: bool) -> Duration {
        if beats != self.beats {
            *self = Pulse { beats, still_since: None };
        }
        if waiting {
            self.still_since.get_or_insert(now);
        }
        self.still_since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
    }
}

impl Pulses {
    /// Takes the pulses of the worker in this seat, whose reception has work `waiting`, and which may stand still for
    /// `limit`.
    fn take(&mut self, now: Instant, pid: Pid, seat: Seat<'_>, waiting: bool, limit: Duration) -> Health {
        if self.pid != Some(pid) {
            *self = Pulses { pid: Some(pid), ..Pulses::default() };
        }
        let reception = self.reception.take(now, seat.turns(), waiting);
        let pool = self.pool.take(now, seat.taken(), seat.queue_depth() > 0);
        self.health = if reception.max(pool) >= limit {
            Health::Hung
        } else if reception >= COVERED_AFTER {
            Health::Stuck
        } else {
            Health::Well
        };
        self.health
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use parts::stats::Slot;

    const LIMIT: Duration = Duration::from_secs(30);
    const WORKER: Pid = Pid::from_raw(7);

    /// When in milliseconds, how many clients wait, and what has happened since the look before.
    type Look = (u64, u32, fn(Seat<'_>));

    /// Takes the pulses of one worker.
    fn look(slot: &Slot, looks: &[Look]) -> Vec<Health> {
        let (begin, seat) = (Instant::now(), slot.seat(0));
        let mut pulses = Pulses::default();
        let look = |&(at, backlog, happens): &Look| {
            happens(seat);
            pulses.take(begin + Duration::from_millis(at), WORKER, seat, backlog > 0, LIMIT)
        };
        looks.iter().map(look).collect()
    }

    fn nothing(_: Seat<'_>) {}

    #[test]
    fn who_has_nothing_to_do_is_well() {
        assert_eq!(look(&Slot::new(), &[(0, 0, nothing), (60_000, 0, nothing)]), [Health::Well; 2]);
    }

    #[test]
    fn who_stands_still_while_clients_wait_is_stuck_and_then_hung_although_others_take_the_clients() {
        let looks: [Look; 5] = [
            (0, 1, nothing),
            (999, 1, nothing),
            (1_000, 1, nothing),
            (29_999, 0, nothing),
            (30_000, 0, nothing),
        ];
        let seen = look(&Slot::new(), &looks);
        assert_eq!(seen, [Health::Well, Health::Well, Health::Stuck, Health::Stuck, Health::Hung]);
    }

    #[test]
    fn who_moves_again_is_well_again() {
        let looks: [Look; 4] =
            [(0, 1, nothing), (2_000, 1, nothing), (2_250, 1, |seat| seat.turned()), (3_000, 1, nothing)];
        assert_eq!(look(&Slot::new(), &looks), [Health::Well, Health::Stuck, Health::Well, Health::Well]);
    }

    #[test]
    fn a_pool_that_takes_nothing_from_its_queue_is_hung_while_its_reception_turns() {
        let looks: [Look; 3] = [
            (0, 0, |seat| seat.connection_queued()),
            (15_000, 0, |seat| seat.turned()),
            (30_000, 0, |seat| seat.turned()),
        ];
        assert_eq!(look(&Slot::new(), &looks), [Health::Well, Health::Well, Health::Hung]);
        let looks: [Look; 3] = [
            (0, 0, |seat| seat.connection_queued()),
            (15_000, 0, |seat| seat.thread_became_busy()),
            (30_000, 0, |seat| seat.turned()),
        ];
        assert_eq!(look(&Slot::new(), &looks), [Health::Well; 3]);
    }
}

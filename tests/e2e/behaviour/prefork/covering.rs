//! A client that the kernel hands to a slot whose worker cannot serve is served by another worker.

use super::herd;
use crate::PROGRAM;
use e2e::{Client, Pid, Server, Signal, Site, accepted, eventually, halt, kill};
use verdict::test;

/// Enough clients that each of two sockets gets some: by chance, one gets none once in 2^39 tries.
const CROWD: usize = 40;

/// A crowd of new clients, about half of them on each worker's socket, asks for a page and for /health.
#[track_caller]
fn crowd_is_served(server: &Server) {
    let mut clients: Vec<Client> = (0..CROWD).map(|_| server.client()).collect();
    for client in &mut clients {
        client.get("/").expect(200);
        client.get("/health").expect(200);
    }
}

/// Kills the worker that is not `survivor` until its slot stays empty for a while. `true` when it is empty now.
fn kill_until_its_slot_backs_off(server: &Server, survivor: Pid, deaths: &mut u32) -> bool {
    let Some(victim) = server.serving().into_iter().find(|&pid| pid != survivor) else { return false };
    kill(victim, Signal::SIGKILL).expect("a process that can be killed");
    *deaths += 1;
    eventually("the dead worker is gone", || !server.workers().contains(&victim));
    // From the fifth death on, the next worker comes after 800 ms or more.
    *deaths >= 5
}

#[test]
fn while_a_slot_backs_off_its_clients_are_served_by_the_others() {
    let server = herd(&Site::new(), "2");
    let survivor = server.workers()[1];
    let mut deaths = 0;
    // On a slow machine the next worker may come before the crowd is served. The one after it takes twice as long.
    eventually("a crowd is served while a slot is empty", || {
        let is_empty = kill_until_its_slot_backs_off(&server, survivor, &mut deaths);
        is_empty && {
            crowd_is_served(&server);
            server.workers() == [survivor]
        }
    });
    eventually("the slot has a worker again", || server.serving().len() == 2);
    eventually("and that one serves its clients itself", || {
        let mut clients: Vec<Client> = (0..CROWD).map(|_| server.client()).collect();
        clients.iter_mut().for_each(|client| drop(client.get("/").expect(200)));
        accepted(server.address(), survivor).len() < CROWD
    });
}

#[test]
fn the_clients_of_a_worker_that_is_stopped_are_served_by_the_others_until_it_goes_on() {
    let server = herd(&Site::new(), "2");
    let workers = server.workers();
    halt(workers[0]);
    crowd_is_served(&server);
    assert_eq!(server.workers(), workers, "it still lives");
    kill(workers[0], Signal::SIGCONT).expect("a process that can go on");
    eventually("it serves its clients itself again", || {
        let mut clients: Vec<Client> = (0..CROWD).map(|_| server.client()).collect();
        clients.iter_mut().for_each(|client| drop(client.get("/").expect(200)));
        // No worker covers for it any more: it has more than a few of the 40 clients.
        accepted(server.address(), workers[0]).len() >= 5
    });
}

#[test]
fn a_worker_that_does_not_move_for_the_time_limit_is_ended_and_replaced() {
    let flags = ["--num-workers", "2", "--timeout-seconds", "2"];
    let server = PROGRAM.serve(&Site::new(), &flags);
    let workers = server.workers();
    halt(workers[0]);
    crowd_is_served(&server);
    eventually("it is replaced", || {
        let now = server.serving();
        now.len() == 2 && !now.contains(&workers[0])
    });
    let says = server.stderr();
    assert!(says.contains("hangs while work waits"), "the log should say why it was ended: {says}");
    assert!(server.workers().contains(&workers[1]), "the other one has done nothing wrong");
}

#[test]
fn a_stopped_worker_does_not_keep_the_herd_from_stopping() {
    let server = herd(&Site::new(), "2");
    halt(server.workers()[0]);
    // Until the crowd is served, the halt may not have been noticed.
    crowd_is_served(&server);
    server.signal(Signal::SIGTERM);
    assert_eq!(server.exit_code(), Some(0), "a stop that was asked for is no failure");
}

#[test]
fn a_stopped_worker_does_not_keep_the_port_open_when_the_herd_stops() {
    let server = herd(&Site::new(), "3");
    let stopped = server.workers()[1];
    // The stop comes before the halt can be noticed.
    halt(stopped);
    server.signal(Signal::SIGTERM);
    eventually("the port refuses clients", || server.refuses_connections());
    assert!(server.processes().contains(&stopped), "the worker should still be stopped");
}

/// Clients that the busy worker holds ask for more than its queue can take; at the same time, as many new clients come
/// as an idle worker has room for. Returns whether a client of the busy worker was refused.
fn saturate_one(server: &Server, busy: Pid) -> bool {
    let ask = |client: &mut Client| client.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let mut held: Vec<Client> = (0..2 * CROWD).map(|_| server.client()).collect();
    held.iter_mut().for_each(|client| drop(client.get("/health").expect(200)));
    let of_the_busy = accepted(server.address(), busy);
    held.retain(|client| of_the_busy.contains(&client.local_address().port()));
    halt(busy);
    held.iter_mut().for_each(ask);
    let mut new: [Client; 2] = [server.client(), server.client()];
    new.iter_mut().for_each(ask);
    kill(busy, Signal::SIGCONT).expect("a process that can go on");
    for client in &mut new {
        client.response().expect(200);
    }
    held.iter_mut().any(|client| client.response().status == 503)
}

#[test]
fn a_new_client_is_refused_only_when_the_whole_herd_is_full() {
    let narrow = ["--num-workers", "2", "--threads-per-worker", "1", "--queue-size", "2"];
    let flags = ["--hand-off", "always", "--queue-delay-ms", "0"];
    let server = PROGRAM.launch().site(&Site::new()).flags(&narrow).flags(&flags).start();
    let busy = server.workers()[0];
    let mut saturated = 0;
    // Five times two new clients: some have come to the busy worker's socket.
    eventually("one worker is saturated five times", || {
        saturated += u32::from(saturate_one(&server, busy));
        saturated >= 5
    });
}

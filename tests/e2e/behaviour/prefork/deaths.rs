//! Processes die. The others continue, and the dead are replaced.

use super::load::{Habit, Load};
use super::{PROGRAM, herd, of_each, stats, worker_of};
use e2e::{Answer, Client, Errno, Gate, Pid, Server, Signal, Site, backlog, eventually, halt, kill, libc};
use std::net::TcpListener;
use verdict::test;

#[track_caller]
fn kill_now(pid: Pid) {
    kill(pid, Signal::SIGKILL).expect("a process that can be killed");
}

/// Whether there are as many workers as before, without the victim.
fn is_replaced(server: &Server, before: &[Pid], victim: Pid) -> bool {
    let now = server.workers();
    now.len() == before.len() && !now.contains(&victim)
}

#[track_caller]
fn when_replaced(server: &Server, before: &[Pid], victim: Pid) {
    eventually("the dead worker is replaced", || is_replaced(server, before, victim));
}

#[test]
fn a_killed_worker_takes_its_own_clients_and_nobody_elses() {
    let server = herd(&Site::new(), "3");
    let workers = server.workers();
    let mut clients: Vec<Client> = (0..60).map(|_| server.client()).collect();
    clients.iter_mut().for_each(|client| drop(client.get("/").expect(200)));
    let victim = workers[0];
    let (lost, kept): (Vec<Client>, Vec<Client>) =
        clients.into_iter().partition(|client| worker_of(&server, client, &workers) == victim);
    assert!(!lost.is_empty() && !kept.is_empty(), "the clients should be spread over the workers");
    kill_now(victim);
    for mut client in kept {
        client.get("/").expect(200);
    }
    for mut client in lost {
        client.try_ask("GET", "/", &[]).expect_err("the process that held this connection is dead");
    }
    when_replaced(&server, &workers, victim);
    let now = server.workers();
    assert!(
        workers[1..].iter().all(|pid| now.contains(pid)),
        "the other workers should be the same as before"
    );
    eventually("/stats says that one worker was started again", || {
        let mut restarts = of_each(&stats(&server), "restarts");
        restarts.sort();
        restarts == [0, 0, 1]
    });
}

/// The master hears of the death and of the stop in one turn. If it reaped first, the worker's process id could be a
/// stranger's by the time of the signal; herd's own assertion would end it here.
#[test]
fn no_signal_goes_to_a_worker_that_was_reaped() {
    let server = herd(&Site::new(), "2");
    halt(server.pid());
    let victim = server.workers()[0];
    kill_now(victim);
    eventually("the worker has died", || !server.workers().contains(&victim));
    server.signal(Signal::SIGQUIT);
    server.signal(Signal::SIGCONT);
    assert_eq!(server.exit_code(), Some(0), "{}", server.stderr());
}

#[test]
fn clients_in_the_backlog_survive_the_death_of_their_worker() {
    let server = herd(&Site::new(), "2");
    let workers = server.workers();
    // A stopped worker accepts nothing, so its clients wait in the backlog of its socket.
    halt(workers[0]);
    let mut clients: Vec<Client> = (0..40).map(|_| server.client()).collect();
    for client in &mut clients {
        client.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    }
    eventually("only those wait that have come to the worker that is halted", || {
        let waiting = clients.iter().filter(|client| client.has_heard_nothing()).count() as u64;
        waiting > 0 && backlog(server.address()) == Some(waiting)
    });
    kill_now(workers[0]);
    for client in &mut clients {
        assert_eq!(
            client.response().expect(200).text(),
            "home\n",
            "the next worker should serve who was waiting"
        );
    }
    when_replaced(&server, &workers, workers[0]);
}

#[test]
fn under_load_deaths_cost_only_the_requests_that_were_being_served_and_totals_never_go_back() {
    let server = herd(&Site::new(), "2");
    let load = Load::begin(&server, &[Habit::Fresh, Habit::Fresh, Habit::Kept, Habit::Kept]);
    let mut last = 0;
    let mut look = || {
        // This request, too, may be one that its worker does not survive.
        let Ok(response) = server.client().try_ask("GET", "/stats", &["Connection: close"]) else { return };
        let stats = response.expect(200).json();
        let total = stats["total"]["requests"].as_u64().expect("a number of requests");
        assert!(total >= last, "the total of requests went back from {last} to {total}");
        assert_eq!(
            of_each(&stats, "requests").iter().sum::<u64>(),
            total,
            "the total should be the sum: {stats}"
        );
        last = total;
    };
    let kills = 4;
    for number in 0..kills {
        load.go_on_for(100);
        let workers = server.workers();
        let victim = workers[number % workers.len()];
        kill_now(victim);
        eventually("the dead worker is replaced", || {
            look();
            is_replaced(&server, &workers, victim)
        });
    }
    load.go_on_for(100);
    let answered = load.answered();
    let failures = load.end();
    assert!(failures.len() <= 4 * kills, "a death may cost each of 4 clients one request: {failures:#?}");
    // A worker may die between an answer and its counting.
    eventually("what was answered is counted", || {
        look();
        stats(&server)["total"]["requests"].as_u64() >= Some(answered - 4 * kills as u64)
    });
    eventually("each death is answered by one start", || {
        of_each(&stats(&server), "restarts").iter().sum::<u64>() == kills as u64
    });
}

#[test]
fn the_gauges_of_a_dead_worker_are_settled() {
    let server = herd(&Site::new(), "2");
    let workers = server.workers();
    let mut clients: Vec<Client> = (0..40).map(|_| server.client()).collect();
    clients.iter_mut().for_each(|client| drop(client.get("/").expect(200)));
    let kept =
        clients.iter().filter(|client| worker_of(&server, client, &workers) != workers[0]).count() as u64;
    kill_now(workers[0]);
    when_replaced(&server, &workers, workers[0]);
    // The connection that asks counts too.
    eventually(&format!("{kept} connections are left, and the one that asks"), || {
        server.get("/health").json()["active_connections"] == kept + 1
    });
}

#[test]
fn workers_follow_a_dead_master_and_leave_the_port() {
    let server = herd(&Site::new(), "4");
    let mut idle = server.client();
    idle.get("/").expect(200);
    kill_now(server.pid());
    eventually("every worker exits when its master is dead", || server.processes().is_empty());
    TcpListener::bind(server.address()).expect("the port should be free");
}

#[test]
fn workers_of_a_dead_master_stay_no_longer_than_a_stop_may_take() {
    let site = Site::new().sparse("large.bin", 64 << 20);
    // The time limit of the client is not what ends this.
    let server = PROGRAM.serve(&site, &["--timeout-seconds", "86400", "--drain-seconds", "1"]);
    let mut client = Client::connect_slowly(server.address(), 128 << 10);
    client.send("GET /large.bin HTTP/1.1\r\nHost: localhost\r\n\r\n");
    client.head().expect(200);
    kill_now(server.pid());
    eventually("a client that does not read holds no worker for ever", || server.processes().is_empty());
}

#[test]
fn workers_that_cannot_start_are_not_started_for_ever() {
    let gate = Gate::before(&[libc::SYS_epoll_create1]);
    let server = PROGRAM.launch().site(&Site::new()).through(&gate).start();
    gate.answer(libc::SYS_epoll_create1, Answer::Fail(Errno::EMFILE));
    // Workers that serve already continue.
    assert_eq!(server.get("/").expect(200).text(), "home\n");
    server.workers().into_iter().for_each(kill_now);
    assert_eq!(
        server.exit_code(),
        Some(3),
        "with no worker that can start, the master should give up and say so"
    );
    assert_eq!(server.workers(), [], "nothing should be left");
    let says = server.stderr();
    let why = "Too many open files";
    assert!(says.contains(why), "the log should say why no worker can start: {says}");
    let attempts = says.matches(why).count();
    assert!(attempts <= 20, "a worker that cannot start should be tried a few times, not {attempts}");
}

#[test]
fn one_worker_that_dies_again_and_again_does_not_harm_the_other() {
    let server = herd(&Site::new(), "2");
    let workers = server.workers();
    let mut client = loop {
        let mut client = server.client();
        client.get("/").expect(200);
        if worker_of(&server, &client, &workers) == workers[1] {
            break client;
        }
    };
    for _ in 0..3 {
        let before = server.workers();
        let victim = before[usize::from(before[0] == workers[1])];
        kill_now(victim);
        eventually("the dead worker is replaced", || {
            // On the same connection all the time.
            client.get("/").expect(200);
            is_replaced(&server, &before, victim)
        });
    }
    eventually("three deaths are three restarts", || {
        client.get("/stats").expect(200).json()["total"]["restarts"] == 3
    });
}
